import { conflict, notFound, PlatformError } from '#libs/runtime';

/** 404 for an alert that is not there, or not theirs. */
export const alertNotFound = (id: string): PlatformError => notFound('alert', id);

/** 409 for acting on an alert that is over. */
export const alertCleared = (id: string): PlatformError =>
  conflict('alert_cleared', `The alert "${id}" is cleared. If the condition comes back, a new alert opens.`);

/** 404 for an assignee who is not there, is disabled, or belongs to another tenant. */
export const assigneeNotFound = (id: string): PlatformError => notFound('user', id);

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
