import { invalid, PlatformError } from '#libs/runtime';

const soon = { 'retry-after': '5' };

/** The store cannot serve just now: what was asked may or may not have been done. A stage comes back for as long as it takes. */
export class StoreUnavailable extends PlatformError {
  readonly retryable = true;

  constructor(detail: string) {
    super(503, 'telemetry_store_unavailable', detail, {}, soon);
  }
}

/** 503 for more work than the store can queue; a stage comes back. */
export function storeBusy(): PlatformError {
  const detail = 'The telemetry store has more to do than it can queue: try again.';
  return Object.assign(new PlatformError(503, 'telemetry_store_busy', detail, {}, soon), { retryable: true });
}

/** 503 for a query that takes longer than the store allows. */
export function queryTimedOut(timeoutMs: number): PlatformError {
  const fix = 'ask for a shorter range, fewer devices or larger steps.';
  const detail = `The query took longer than ${timeoutMs} ms: ${fix}`;
  return Object.assign(new PlatformError(503, 'telemetry_query_timed_out', detail, {}, soon), { retryable: true });
}

/** 400 for a query whose answer would be too large. */
export function queryTooLarge(detail: string): PlatformError {
  return invalid('telemetry_query_too_large', detail);
}

/** 400 for a query for more detail than is kept. */
export function resolutionGone(detail: string): PlatformError {
  return invalid('telemetry_resolution_gone', detail);
}
