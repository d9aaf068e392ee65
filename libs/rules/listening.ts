/** A time during which the platform heard nobody: [from, to), epoch milliseconds. */
export type Outage = readonly [from: number, to: number];

/** When a partition's rules were at work. Small, plain and kept with the state of its devices. */
export interface Listening {
  /** The last moment at which they were known to be. */
  aliveAt: number;
  /** The latest outages, oldest first. */
  outages: readonly Outage[];
}

const mostOutages = 64;

/** Notes that the rules are at work at `now`; a standstill longer than `outageMs` before it was an outage. */
export function listened(before: Listening | undefined, now: number, outageMs: number): Listening {
  if (!before) return { aliveAt: now, outages: [] };
  if (now - before.aliveAt <= outageMs) return now > before.aliveAt ? { ...before, aliveAt: now } : before;
  return { aliveAt: now, outages: [...before.outages, [before.aliveAt, now] as const].slice(-mostOutages) };
}

/** `seenAt` moved forward by the outages since: silence is only counted while somebody listened. */
export function seenWhileListening(seenAt: number, outages: readonly Outage[]): number {
  let deaf = 0;
  for (const [from, to] of outages) if (to > seenAt) deaf += to - Math.max(from, seenAt);
  return seenAt + deaf;
}
