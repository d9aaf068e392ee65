/** What a failed command means to whoever sent it. */
export type RedisFailure =
  /** It may have been carried out or not: the connection was lost, or no answer came in time. */
  | { kind: 'unanswered'; reason: string }
  /** It was not carried out, and will be as soon as Redis is itself again: starting, failing over, moving slots. */
  | { kind: 'not_now'; reason: string }
  /** It was not carried out because there is no room, or too few replicas to be safe. */
  | { kind: 'refused'; reason: string }
  /** The server does not know the script (it has restarted). */
  | { kind: 'no_script'; reason: string }
  /** The user may not do that, or may not log in. */
  | { kind: 'not_permitted'; reason: string }
  /** Anything else: data that is not ours, or a mistake in this adapter. */
  | { kind: 'broken'; reason: string };

const byCode: Record<string, Exclude<RedisFailure['kind'], 'unanswered' | 'broken'>> = {
  LOADING: 'not_now',
  READONLY: 'not_now',
  MASTERDOWN: 'not_now',
  CLUSTERDOWN: 'not_now',
  TRYAGAIN: 'not_now',
  MOVED: 'not_now',
  ASK: 'not_now',
  BUSY: 'not_now',
  UNKILLABLE: 'not_now',
  OOM: 'refused',
  NOREPLICAS: 'refused',
  MISCONF: 'refused',
  NOSCRIPT: 'no_script',
  NOAUTH: 'not_permitted',
  WRONGPASS: 'not_permitted',
  NOPERM: 'not_permitted',
};

/** Reads an error of the driver. */
export function classifyRedisFailure(error: unknown): RedisFailure {
  const { name, message: reason } = error instanceof Error ? error : { name: '', message: String(error) };
  if (name !== 'ReplyError') return { kind: 'unanswered', reason };
  const kind = byCode[/^[A-Z]+/.exec(reason)?.[0] ?? ''];
  return { kind: kind ?? 'broken', reason };
}
