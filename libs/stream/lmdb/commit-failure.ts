import { StreamFailedError, StreamUnavailableError } from '../stream.errors.js';
import { freeBytes } from './disk-room.js';

/** errno values and LMDB codes that say there is no room: ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL. */
const noRoom = new Set<unknown>([28, 122, 27, -30_792, 'ENOSPC', 'EDQUOT', 'EFBIG']);
const inputOutput = new Set<unknown>([5, 'EIO']);
/** Below this much free disk an EIO is LMDB's word for a short write: it writes whole pages, and reports a part as EIO. */
const shortWriteBytes = 64 * 2 ** 20;

/**
 * What a failed commit means. A full disk is waited out: LMDB left the environment as it was before the commit. Any other
 * failure ends the log: after a failed fsync nobody knows what the disk holds, and asking again would be answered wrongly.
 */
export async function classifyCommitFailure(
  error: unknown,
  path: string,
): Promise<StreamUnavailableError | StreamFailedError> {
  const cause = await causeOf(error);
  const code = (cause as { code?: unknown }).code;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (noRoom.has(code) || (inputOutput.has(code) && freeBytes(path) < shortWriteBytes)) {
    return new StreamUnavailableError(`the disk of ${path} is full (${message}): free space; nothing was kept`, {
      cause,
    });
  }
  return new StreamFailedError(`${path} could not be written (${message}): the process must end and start again`, {
    cause,
  });
}

/** lmdb-js rejects each write with a plain error whose `commitError` promise rejects with what LMDB said. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  if (!commitError) return error;
  return commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
}
