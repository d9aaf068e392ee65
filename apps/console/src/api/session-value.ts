import { type ShallowRef, shallowRef } from 'vue';
import { can, sessionToken } from './session.js';

/** Something small that every page may want, read once a session; `empty` until then, and where it cannot be had. */
export interface SessionValue<T> {
  value: Readonly<ShallowRef<T>>;
  /** Resolves when it is there, or cannot be had. */
  ready: () => Promise<void>;
}

/**
 * A value that is loaded when somebody first asks for it in a session, if their role has `permission`. Its failure is no
 * page's: names are missing then, and the next page that wants them asks again.
 */
export function sessionValue<T>(permission: string, empty: T, load: () => Promise<T>): () => SessionValue<T> {
  const value = shallowRef(empty);
  let loadedFor: string | undefined;
  let loading: Promise<void> | undefined;
  async function read(token: string | undefined): Promise<void> {
    try {
      value.value = await load();
      loadedFor = token;
    } catch {
      // Asked for again by the next page that wants it.
    } finally {
      loading = undefined;
    }
  }
  return () => {
    const token = sessionToken();
    if (can(permission) && loadedFor !== token) loading ??= read(token);
    return { value, ready: () => loading ?? Promise.resolve() };
  };
}
