import type { Answer } from './webhook/webhook-client.js';

/** Delays before the attempts, in milliseconds; after the last it stays hourly. */
export const retryDelaysMs = [0, 1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000] as const;
const hourMs = 3_600_000;
/** No attempt is planned later than this after the delivery was queued. */
export const giveUpAfterMs = 72 * hourMs;
/** The longest pause that an endpoint may ask for. */
export const maxPauseMs = hourMs;
const jitter = 0.2;

/** What an answer means for the delivery, and for its endpoint. */
export interface Verdict {
  outcome: { kind: 'delivered' } | { kind: 'retry'; at: number } | { kind: 'dead' };
  /** The endpoint said that it is gone (410). */
  disable: boolean;
  /** The endpoint asked to be left alone until then. */
  pauseUntil: number | undefined;
  /** '' where it was delivered. */
  error: string;
}

/**
 * Judges an attempt. 2xx alone is success. `attempts` counts this one; `random` is from 0 to 1. An attempt is always
 * made at least once, whatever the deadline.
 */
export function judgeAnswer(
  answer: Pick<Answer, 'status' | 'error' | 'headers'>,
  delivery: { attempts: number; deadline: number },
  now: number,
  random: number,
): Verdict {
  const { status } = answer;
  if (status !== undefined && status >= 200 && status <= 299) {
    return { outcome: { kind: 'delivered' }, disable: false, pauseUntil: undefined, error: '' };
  }
  const error = status === undefined ? answer.error : `answered ${status}`;
  // Held, not lost: it goes out when the endpoint is enabled again before the deadline.
  if (status === 410) return { outcome: { kind: 'retry', at: now }, disable: true, pauseUntil: undefined, error };
  const pauseUntil = pauseOf(answer, now);
  const at = Math.max(now + retryDelayMs(delivery.attempts, random), pauseUntil ?? 0);
  const outcome = at > delivery.deadline ? ({ kind: 'dead' } as const) : ({ kind: 'retry', at } as const);
  return { outcome, disable: false, pauseUntil, error };
}

/** The delay after `attempts` attempts that failed, give or take a fifth. */
export function retryDelayMs(attempts: number, random: number): number {
  const delay = retryDelaysMs[Math.min(attempts, retryDelaysMs.length - 1)] ?? hourMs;
  return Math.round(delay * (1 - jitter + 2 * jitter * random));
}

/** Retry-After of a 429 or 503, in seconds or as an HTTP date, at most an hour ahead. */
function pauseOf(answer: Pick<Answer, 'status' | 'headers'>, now: number): number | undefined {
  if (answer.status !== 429 && answer.status !== 503) return undefined;
  const text = answer.headers['retry-after']?.trim() ?? '';
  const until = /^\d{1,9}$/.test(text) ? now + Number(text) * 1_000 : Date.parse(text);
  if (Number.isNaN(until) || until <= now) return undefined;
  return Math.min(until, now + maxPauseMs);
}
