import { invalid, notFound, PlatformError } from '#libs/runtime';

/** 404 for a message that the device did not send. */
export const frameNotFound = (messageId: string): PlatformError => notFound('frame', messageId);

/** 400 for a range that ends before it begins, or spans too much. */
export const rangeInvalid = (problem: string): PlatformError => invalid('range_invalid', problem);

/** 400 for a cursor of another list. */
export const cursorInvalid = (): PlatformError =>
  invalid('cursor_invalid', 'cursor: not one this list gave; pass nextCursor of the page before, unchanged.');

/** 400 for a step that is no duration, or makes too many buckets. */
export const stepInvalid = (problem: string): PlatformError => invalid('step_invalid', `step: ${problem}`);

/** 503 where too many live streams are open. */
export const feedFull = (limit: number): PlatformError =>
  new PlatformError(
    503,
    'feed_full',
    `${limit} live streams are open, the most there may be. Try again later.`,
    {},
    {
      'retry-after': '10',
    },
  );
