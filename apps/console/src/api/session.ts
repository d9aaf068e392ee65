import { computed, ref, shallowRef } from 'vue';
import type { components } from './schema.js';

export type Me = components['schemas']['MeView'];

/** What one browser tab remembers of a log-in, until it is closed. */
interface Session {
  token: string;
  expiresAt: string;
  /** True until the user has chosen a password of their own. */
  passwordInitial: boolean;
}

const storageKey = 'citysense.session';
const session = shallowRef<Session | undefined>(remembered());
const me = shallowRef<Me | undefined>();

/** Why the last session is over, for the log-in page to tell. */
export const endedBecause = ref<'expired' | undefined>();
/** Who is logged in; undefined until the platform has said so. */
export const currentUser = computed(() => me.value);
export const isLoggedIn = computed(() => session.value !== undefined);
export const mustChangePassword = computed(() => session.value?.passwordInitial === true);

/** The token of the session; undefined where there is none. */
export function sessionToken(): string | undefined {
  return session.value?.token;
}

export function beginSession(begun: Session): void {
  endedBecause.value = undefined;
  remember(begun);
}

/** The platform's word on who it is. */
export function knowUser(user: Me): void {
  me.value = user;
}

export function passwordChosen(): void {
  if (session.value) remember({ ...session.value, passwordInitial: false });
}

/** Forgets the session here; the platform is told by whoever logs out. */
export function endSession(because?: 'expired'): void {
  if (because && session.value) endedBecause.value = because;
  me.value = undefined;
  remember(undefined);
}

/** Whether the role gives the right; what it does not give is not offered. */
export function can(permission: string): boolean {
  return me.value?.permissions.includes(permission) === true;
}

function remember(kept: Session | undefined): void {
  session.value = kept;
  if (kept) sessionStorage.setItem(storageKey, JSON.stringify(kept));
  else sessionStorage.removeItem(storageKey);
}

function remembered(): Session | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(storageKey) ?? 'null') as Session | null;
    return typeof kept?.token === 'string' ? kept : undefined;
  } catch {
    return undefined;
  }
}
