/** Devices of one tenant and product. */
export interface Kind {
  tenantKey: string;
  productKey: string;
}

/** What was counted at one moment. */
export interface FlowSample {
  /** Epoch milliseconds. */
  at: number;
  /** Messages that came in since ever, of the whole platform. */
  received: number;
  /** Messages of each kind since the sample before; undefined where nobody counted all that time. */
  byKind: readonly (Kind & { messages: number })[] | undefined;
  /** Messages refused since ever, by tenant; '' where the tenant is not known. */
  discarded: ReadonlyMap<string, number>;
  /** Age of the oldest message that a stage has still to take. */
  lagMs: number;
  /** Messages that stages have still to take. */
  lagMessages: number;
  /** How many devices were online, and how many alerts open, of each kind. */
  fleet: readonly (Kind & { online: number; alerts: number })[];
}

/** Whose figures are asked for. */
export interface FlowScope {
  /** True where the platform's own count of messages and discards is meant, which is exact and always there. */
  whole: boolean;
  sees(kind: Kind): boolean;
  /** The tenant whose discards are meant, where not the whole platform's. */
  tenantKey: string | undefined;
}

/** Figures a minute each, oldest first; null where nothing was counted. */
export interface Trend {
  /** Epoch milliseconds, the beginning of the first minute. */
  from: number;
  messagesPerSecond: (number | null)[];
  discards: (number | null)[];
  lagSeconds: (number | null)[];
  devicesOnline: (number | null)[];
  openAlerts: (number | null)[];
}

const minuteMs = 60_000;
const minutes = 60;
/** What "now" is averaged over. */
const rateMs = 30_000;

interface Step {
  at: number;
  elapsedMs: number;
  received: number;
  byKind: FlowSample['byKind'];
  discarded: ReadonlyMap<string, number>;
  sample: FlowSample;
}

/** The last hour of the flow, sample by sample; a process that has just started knows nothing of the time before. */
export class FlowHistory {
  private readonly steps: Step[] = [];
  private last: FlowSample | undefined;

  /** Takes in a sample, and forgets what is older than an hour. */
  add(sample: FlowSample): void {
    const before = this.last;
    this.last = sample;
    if (before === undefined || sample.at <= before.at) return;
    this.steps.push({
      at: sample.at,
      elapsedMs: sample.at - before.at,
      received: Math.max(0, sample.received - before.received),
      byKind: sample.byKind,
      discarded: increase(before.discarded, sample.discarded),
      sample,
    });
    const oldest = startOf(sample.at) - (minutes - 1) * minuteMs;
    const kept = this.steps.findIndex(({ at }) => at >= oldest);
    if (kept > 0) this.steps.splice(0, kept);
  }

  /** The latest sample. */
  get latest(): FlowSample | undefined {
    return this.last;
  }

  /** Messages per second over the last half minute; null where nothing was counted. */
  messagesPerSecond(scope: FlowScope): number | null {
    const until = this.last?.at ?? 0;
    return rateOf(
      this.steps.filter(({ at }) => at > until - rateMs),
      scope,
    );
  }

  /** The hour minute by minute, up to the one that `now` is in. */
  trend(scope: FlowScope, now: number): Trend {
    const from = startOf(now) - (minutes - 1) * minuteMs;
    const byMinute: Step[][] = Array.from({ length: minutes }, () => []);
    for (const step of this.steps) byMinute[Math.floor((step.at - from) / minuteMs)]?.push(step);
    const each = (of: (steps: readonly Step[]) => number | null) =>
      byMinute.map((steps) => (steps.length === 0 ? null : of(steps)));
    const lastOf = (figure: (sample: FlowSample) => number) => each((steps) => figure((steps.at(-1) as Step).sample));
    const fleet = (figure: 'online' | 'alerts') =>
      lastOf((sample) => sum(sample.fleet, (kind) => (scope.sees(kind) ? kind[figure] : 0)));
    return {
      from,
      messagesPerSecond: each((steps) => rateOf(steps, scope)),
      discards: each((steps) => sum(steps, ({ discarded }) => discardsOf(discarded, scope))),
      lagSeconds: each((steps) => Math.max(...steps.map(({ sample }) => sample.lagMs)) / 1000),
      devicesOnline: fleet('online'),
      openAlerts: fleet('alerts'),
    };
  }
}

function startOf(at: number): number {
  return Math.floor(at / minuteMs) * minuteMs;
}

function rateOf(steps: readonly Step[], scope: FlowScope): number | null {
  const counted = scope.whole ? steps : steps.filter(({ byKind }) => byKind !== undefined);
  const elapsedMs = sum(counted, (step) => step.elapsedMs);
  if (elapsedMs === 0) return null;
  const messages = sum(counted, (step) =>
    scope.whole ? step.received : sum(step.byKind ?? [], (kind) => (scope.sees(kind) ? kind.messages : 0)),
  );
  return Math.round((messages / elapsedMs) * 1e5) / 100;
}

/** Discards in a map of counts. */
export function discardsOf(counts: ReadonlyMap<string, number>, { whole, tenantKey }: FlowScope): number {
  if (whole) return sum([...counts.values()], (count) => count);
  return tenantKey === undefined ? 0 : (counts.get(tenantKey) ?? 0);
}

function increase(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...after].map(([name, count]) => [name, Math.max(0, count - (before.get(name) ?? 0))]));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
