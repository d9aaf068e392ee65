/**
 * An expected failure that its caller should read: rendered as an RFC 9457 problem document over HTTP.
 * `code` is stable snake_case (`device_not_found`); `detail` names the field, the value's problem and the fix.
 */
export class PlatformError extends Error {
  override readonly name: string = 'PlatformError';

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    /** Further members of the problem document, e.g. `errors: [{ field, problem }]`. */
    readonly extra: Readonly<Record<string, unknown>> = {},
    /** Response headers that belong to the failure, e.g. Retry-After. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(`${code}: ${detail}`);
  }
}

/** 404 for a resource that does not exist, or that another tenant owns: the two are not told apart. */
export function notFound(resource: string, id: string): PlatformError {
  return new PlatformError(404, `${resource}_not_found`, `No ${resource.replaceAll('_', ' ')} has the id "${id}".`);
}

/** 409 for a change that contradicts what is there. */
export function conflict(code: string, detail: string): PlatformError {
  return new PlatformError(409, code, detail);
}

/** 400 for input that cannot be used. */
export function invalid(code: string, detail: string, extra: Readonly<Record<string, unknown>> = {}): PlatformError {
  return new PlatformError(400, code, detail, extra);
}
