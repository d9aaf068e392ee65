/** Shares of the memory that a Redis may use (its `maxmemory`), by which it is kept from being full. */
export const memoryShares = {
  /** Above it the oldest acknowledged entries are cut, whatever retention would still keep... */
  cutFrom: 0.7,
  /** ...until this is left, so that there is no cutting all the time. */
  cutTo: 0.6,
  /** Above it intake waits, so that what is left is for the stages, which make room. */
  intake: 0.85,
} as const;
