import { ref } from 'vue';
import { api, ask } from '../../api/client.js';
import { isLoggedIn } from '../../api/session.js';
import { allowSound, soundOnce } from './alarm-sound.js';

const storageKey = 'citysense.duty';
/** Well inside the 15 minutes after which a session that nobody uses ends. */
const keepAliveMs = 4 * 60_000;
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Somebody sits here and watches: alarms sound, and the session does not end for want of clicks (it does after its full
 * length). Switched by its user, remembered on this machine, off by default.
 */
export const onDuty = ref(localStorage.getItem(storageKey) === 'on');

export async function switchDuty(on: boolean): Promise<void> {
  onDuty.value = on;
  localStorage.setItem(storageKey, on ? 'on' : 'off');
  keepDuty();
  if (!on) return;
  await allowSound();
  soundOnce();
}

/** Goes on after a reload. Sound needs the first click or key once more. */
export function keepDuty(): void {
  clearInterval(timer);
  timer = undefined;
  if (!onDuty.value) return;
  timer = setInterval(() => {
    if (isLoggedIn.value) void ask(api.GET('/api/v1/me')).catch(() => undefined);
  }, keepAliveMs);
  const wake = () => void allowSound();
  for (const gesture of ['pointerdown', 'keydown']) addEventListener(gesture, wake, { once: true });
}
