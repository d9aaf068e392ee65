/**
 * An error of Drizzle: its message, its stack and a property repeat every value of the statement that failed, the hashes of
 * passwords among them.
 */
export interface FailedQuery extends Error {
  query: string;
  params: unknown[];
}

const deepestCause = 6;

/** The failed statements among an error and its causes. */
export function failedQueries(error: unknown): FailedQuery[] {
  const found: FailedQuery[] = [];
  let cause = error;
  for (let depth = 0; depth < deepestCause && typeof cause === 'object' && cause !== null; depth++) {
    const { query, params, message, cause: next } = cause as Partial<FailedQuery>;
    if (typeof query === 'string' && Array.isArray(params) && typeof message === 'string')
      found.push(cause as FailedQuery);
    cause = next;
  }
  return found;
}

/** A text that holds what failed queries say, without their values. */
export function withoutValues(text: string, queries: readonly FailedQuery[]): string {
  // A function, since "$1" in a statement means something to `replaceAll`.
  return queries.reduce((left, { message, query }) => left.replaceAll(message, () => `Failed query: ${query}`), text);
}

/** What a failure says, for whoever may not see the values of a statement; the reason first where a statement failed. */
export function failureText(error: unknown): string {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  if (typeof message !== 'string') return String(error);
  const queries = failedQueries(error);
  const text = withoutValues(message, queries);
  const reason = (queries.at(-1)?.cause as Error | undefined)?.message;
  return reason === undefined ? text : `${reason}: ${text}`;
}
