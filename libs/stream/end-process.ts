import type { Logger } from '#libs/runtime';

/** What is still in memory cannot be believed any more: the process crashes, another takes its work over, and it starts again. */
export function endProcess(logger: Logger, error: unknown): void {
  logger.fatal({ err: error }, 'the stream has failed: ending the process, nothing acknowledged is lost');
  setImmediate(() => {
    throw error;
  });
}
