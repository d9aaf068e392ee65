import { once } from 'node:events';
import { get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { jest } from '@jest/globals';
import { Authenticator } from '../authenticator.js';
import type { TestApi } from './test-api.js';

/** How long a request may take to come to its end once it has been let in. */
const settledMs = 200;

/**
 * Asks for a live stream and goes away while the token is looked up. Resolves when the request has come to its end; the
 * function it gives tells how often the token has been looked up since.
 */
export async function leaveEarly(api: TestApi, path: string, token: string): Promise<() => number> {
  const authenticator = api.app.get(Authenticator);
  const authenticate = authenticator.authenticate.bind(authenticator);
  const server = api.app.getHttpServer() as unknown as Server;
  const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
  let lookUps = 0;
  jest.spyOn(authenticator, 'authenticate').mockImplementation(async (given, ip, touch) => {
    if (given !== token) return authenticate(given, ip, touch);
    lookUps += 1;
    const [, response] = await asked;
    if (!response.destroyed) await once(response, 'close');
    return authenticate(given, ip, touch);
  });
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
  const request = get(api.url + path, { headers }).on('error', () => {});
  const [, response] = await asked;
  request.destroy();
  if (!response.destroyed) await once(response, 'close');
  await new Promise((resolve) => setTimeout(resolve, settledMs));
  lookUps = 0;
  return () => lookUps;
}
