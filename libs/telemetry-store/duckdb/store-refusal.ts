/**
 * What the store's thread answers where the caller asked for too much. Becomes a `PlatformError` on the caller's side: this
 * thread loads nothing that it can do without.
 */
export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A query that takes longer than the store allows. */
export function queryTimedOut(timeoutMs: number): StoreRefusal {
  const fix = 'ask for a shorter range, fewer devices or larger steps.';
  return new StoreRefusal(503, 'telemetry_query_timed_out', `The query took longer than ${timeoutMs} ms: ${fix}`);
}

/** More work than the store can queue. */
export function storeBusy(): StoreRefusal {
  return new StoreRefusal(
    503,
    'telemetry_store_busy',
    'The telemetry store has more to do than it can queue: try again.',
  );
}

/** A query whose answer would be too large. */
export function queryTooLarge(detail: string): StoreRefusal {
  return new StoreRefusal(400, 'telemetry_query_too_large', detail);
}

/** A query for more detail than is kept. */
export function resolutionGone(detail: string): StoreRefusal {
  return new StoreRefusal(400, 'telemetry_resolution_gone', detail);
}
