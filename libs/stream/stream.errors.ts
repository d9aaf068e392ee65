import type { Place } from './stream.port.js';

/** The log cannot keep entries just now (full disk, too much queued). Nothing of the call was kept; the same call may succeed later. */
export class StreamUnavailableError extends Error {
  override readonly name = 'StreamUnavailableError';
  readonly code = 'stream_unavailable';
  readonly retryable = true;
  /** Where it is not the whole log: those of the call's places that take nothing just now. The call without them may succeed at once. */
  readonly places: readonly Place[];

  constructor(message: string, { places = [], ...options }: ErrorOptions & { places?: readonly Place[] } = {}) {
    super(message, options);
    this.places = places;
  }
}

/** The log failed for good in this process: an fsync failed, or what was written cannot be trusted. Only a restart helps. */
export class StreamFailedError extends Error {
  override readonly name = 'StreamFailedError';
  readonly code = 'stream_failed';
  readonly retryable = false;
}

/** What is on disk is not what was written. Refused loudly: restore a backup, never guess. */
export class StreamCorruptError extends Error {
  override readonly name = 'StreamCorruptError';
  readonly code = 'stream_corrupt';
  readonly retryable = false;
}

/** The folder cannot be used as it is: another process owns it, or it was made by other settings or another release. */
export class StreamOpenError extends Error {
  override readonly name = 'StreamOpenError';
  readonly code = 'stream_not_usable';
  readonly retryable = false;
}

/** The caller asked for something the log never does: a partition out of range, a key too long, an acknowledgement backwards. */
export class StreamUsageError extends Error {
  override readonly name = 'StreamUsageError';
  readonly code = 'stream_misused';
  readonly retryable = false;
}

/** Another member owns the partition: nothing of the commit was kept, and its new owner works through the same entries. */
export class StreamFencedError extends Error {
  override readonly name = 'StreamFencedError';
  readonly code = 'stream_fenced';
  readonly retryable = false;
}
