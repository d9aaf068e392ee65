import { api, ask } from '../api/client.js';
import { ApiProblem, asProblem } from '../api/problem.js';
import { beginSession, endSession, knowUser } from '../api/session.js';

/** Logs in, and learns what the user may do. Throws `ApiProblem`. */
export async function logIn(login: string, password: string): Promise<void> {
  const { token, expiresAt, user } = await ask(api.POST('/api/v1/sessions', { body: { login, password } }));
  beginSession({ token, expiresAt, passwordInitial: user.passwordInitial });
  if (!(await loadUser())) throw new ApiProblem(0, 'network', 'The platform cannot be reached.');
}

/** Asks who it is. False where the platform cannot be reached: the session is left as it is, and can be asked for again. */
export async function loadUser(): Promise<boolean> {
  try {
    knowUser(await ask(api.GET('/api/v1/me')));
  } catch (error) {
    if (asProblem(error).retryable) return false;
    endSession('expired');
  }
  return true;
}

/** Ends the session on the platform too; here it is over whatever the platform answers. */
export async function logOut(): Promise<void> {
  await ask(api.DELETE('/api/v1/sessions/current')).catch(() => undefined);
  endSession();
}
