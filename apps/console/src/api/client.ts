import createClient from 'openapi-fetch';
import { asProblem, problemOf } from './problem.js';
import type { paths } from './schema.js';
import { endSession, sessionToken } from './session.js';

export type { Schemas } from './schemas.js';

const timeoutMs = 20_000;

/** The REST API, typed by its description. Use it through `ask`, which turns failures into `ApiProblem`. */
export const api = createClient<paths>({
  baseUrl: location.origin,
  fetch: send,
  querySerializer: { array: { style: 'form', explode: true } },
});

/** Waits for an answer of `api`: its data, or an `ApiProblem` thrown. A session that is over leads to the log-in page. */
export async function ask<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let got: { data?: T; error?: unknown; response: Response };
  try {
    got = await answer;
  } catch (error) {
    throw asProblem(error);
  }
  if (got.response.ok) return got.data as T;
  throw problemOf(got.response.status, got.error);
}

async function send(request: Request): Promise<Response> {
  const token = sessionToken();
  const headers = new Headers(request.headers);
  if (token) headers.set('authorization', `Bearer ${token}`);
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
  const response = await fetch(new Request(request, { headers, signal }));
  // A log-in that fails has no session to end; one that another tab renewed meanwhile is not ended either.
  if (response.status === 401 && token !== undefined && token === sessionToken()) endSession('expired');
  return response;
}
