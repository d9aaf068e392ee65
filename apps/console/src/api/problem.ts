/** A failure of the REST API: its RFC 9457 problem document, or that no answer came. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  constructor(
    /** The HTTP status; 0 where no answer came. */
    readonly status: number,
    /** Stable: `device_not_found`, or `network` and `timeout` of our own. */
    readonly code: string,
    /** English, from the platform. */
    readonly detail: string,
    /** What is wrong with which field of what was sent. */
    readonly fields: readonly FieldProblem[] = [],
  ) {
    super(detail || code);
  }

  /** Whether the same request may succeed in a moment. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** One field that the platform refused: `parts.0.size` and why. */
export interface FieldProblem {
  field: string;
  problem: string;
}

/** The problem in an answer's body, whatever came: a proxy in between may answer with a page of its own. */
export function problemOf(status: number, body: unknown): ApiProblem {
  const { code, detail, title, errors } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  const fields = (Array.isArray(errors) ? errors : []).flatMap((error: unknown) => {
    const { field, problem } = (error ?? {}) as Record<string, unknown>;
    return typeof field === 'string' && typeof problem === 'string' ? [{ field, problem }] : [];
  });
  return new ApiProblem(
    status,
    typeof code === 'string' ? code : `http_${status}`,
    typeof detail === 'string' ? detail : typeof title === 'string' ? title : '',
    fields,
  );
}

/** Any thrown thing as a problem: no answer, an answer too late, or a fault of the page itself. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  const name = (error as { name?: unknown } | null)?.name;
  if (name === 'TimeoutError') return new ApiProblem(0, 'timeout', 'The platform did not answer in time.');
  if (name === 'TypeError' || name === 'AbortError') {
    return new ApiProblem(0, 'network', 'The platform cannot be reached.');
  }
  return new ApiProblem(0, 'page_fault', String(error));
}
