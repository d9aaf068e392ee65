/** The way back after a log-in; only ever a path of this console. */
export function returnPath(text: unknown): string {
  return typeof text === 'string' && /^\/(?![/\\])/.test(text) ? text : '/';
}
