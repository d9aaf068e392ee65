import { type BenchEngines, type BenchedPlatform, openBenchedPlatform } from './benched-platform.js';
import { type Bystanders, prepareFleet, watchBystanders } from './bystanders.js';
import { measureIdle } from './idle.js';
import { type LoadOutcome, runLoad } from './load.js';
import { metricOf, untilDrained } from './scrape.js';
import { cpuSeconds, median, residentBytes, round } from './statistics.js';
import { hasMosquitto, startBareBroker, startMosquitto, type Yardstick } from './yardsticks.js';

/** How the benchmark is run; the defaults are the figures it is judged by. */
export interface IngestOptions {
  engines: BenchEngines;
  connections: number;
  /** Unacknowledged publishes per connection; 1 is what a sensor does: it sends, and waits for its PUBACK. */
  window: number;
  rounds: number;
  /** Long against the third of a second that the last messages of a round wait in the stages for company. */
  secondsPerRound: number;
  /** 0 leaves the idle connections out. */
  idleConnections: number;
  say: (text: string) => void;
}

interface Round {
  bare: number;
  platform: number;
  mosquitto: number | undefined;
  puback: LoadOutcome['latencyMs'];
  eventLoopP99Ms: number;
  residentMiB: number;
  /** Microseconds of CPU per message, by process. */
  cpu: ReadonlyMap<string, number>;
}

/** Measures ingest against a bare broker under the same load, then counts every message in the store. */
export async function benchIngest(options: IngestOptions): Promise<Record<string, unknown>> {
  const loaded = await benchUnderLoad(options);
  const idle = options.idleConnections > 0 ? await measureIdle(options) : {};
  return { ...loaded, ...idle };
}

async function benchUnderLoad(options: IngestOptions): Promise<Record<string, unknown>> {
  const platform = await openBenchedPlatform(options.engines);
  try {
    await platform.start();
    options.say(`registering ${options.connections} devices`);
    const fleet = await prepareFleet(platform, options.connections);
    const promised = new Map<string, number[]>();
    await warmUp(platform, fleet, promised, options);
    const rounds: Round[] = [];
    for (let number = 1; number <= options.rounds; number += 1) {
      rounds.push(await runRound(number, platform, fleet, promised, options));
    }
    const rate = median(rounds.map((one) => one.platform));
    options.say(`half load, ${Math.round(rate / 2)} messages/s, with probes`);
    const half = await runHalfLoad(platform, fleet, promised, rate / 2, options);
    fleet.desk.stop();
    options.say('counting what was stored');
    const stored = await platform.count(promised);
    return { engines: options.engines, ...summary(rounds), ...half, ...stored };
  } finally {
    await platform.remove();
  }
}

async function runRound(
  number: number,
  platform: BenchedPlatform,
  fleet: Bystanders,
  promised: Map<string, number[]>,
  options: IngestOptions,
): Promise<Round> {
  const bare = await againstYardstick(await startBareBroker(), fleet, options);
  const mosquitto = hasMosquitto() ? await againstYardstick(await startMosquitto(), fleet, options) : undefined;
  const started = performance.now();
  const before = cpuOf(platform);
  const load = await loadPlatform(platform, fleet, promised, options);
  const drained = await untilDrained(platform);
  const cpu = [...cpuOf(platform)].map(([name, seconds]) => {
    return [name, ((seconds - (before.get(name) ?? 0)) / load.acknowledged) * 1e6] as const;
  });
  const seconds = load.elapsedMs / 1000 + drained / 1000;
  const rate = load.acknowledged / seconds;
  const measured = {
    bare: bare.ratePerSecond,
    platform: rate,
    mosquitto: mosquitto?.ratePerSecond,
    puback: load.latencyMs,
    eventLoopP99Ms: (await metricOf(platform, 'gateway_event_loop_lag_p99_seconds')) * 1000,
    residentMiB: platform.pids.reduce((sum, pid) => sum + residentBytes(pid), 0) / 1_048_576,
    cpu: new Map(cpu),
  };
  options.say(
    `round ${number}: bare ${round(bare.ratePerSecond)}/s, platform ${round(rate)}/s (acknowledged ${round(load.ratePerSecond)}/s, ` +
      `drained in ${Math.round(drained)} ms), mosquitto ${mosquitto ? `${round(mosquitto.ratePerSecond)}/s` : 'not installed'}, ` +
      `${Math.round((performance.now() - started) / 1000)} s`,
  );
  return measured;
}

function cpuOf(platform: BenchedPlatform): Map<string, number> {
  return new Map([...platform.working].map(([name, pid]) => [name, cpuSeconds(pid)]));
}

async function againstYardstick(yardstick: Yardstick, fleet: Bystanders, options: IngestOptions): Promise<LoadOutcome> {
  try {
    const load = await runLoad({
      port: yardstick.port,
      devices: fleet.meters,
      window: options.window,
      durationMs: options.secondsPerRound * 1000,
      sequenceBase: 0,
    });
    if (!yardstick.relayed) return load;
    const behindMs = await untilRelayed(yardstick.relayed, load.acknowledged);
    return { ...load, ratePerSecond: load.acknowledged / ((load.elapsedMs + behindMs) / 1000) };
  } finally {
    await yardstick.stop();
  }
}

/** Waits until all that was acknowledged has come out on the other side; returns how long that took in milliseconds. */
async function untilRelayed(relayed: () => number, acknowledged: number): Promise<number> {
  const started = performance.now();
  while (relayed() < acknowledged) {
    if (performance.now() - started > 120_000) throw new Error('the broker did not relay everything within 120 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - started;
}

let sequenceBase = 0;

async function loadPlatform(
  platform: BenchedPlatform,
  fleet: Bystanders,
  promised: Map<string, number[]>,
  options: IngestOptions,
  ratePerSecond?: number,
): Promise<LoadOutcome> {
  const base = sequenceBase;
  const outcome = await runLoad({
    port: platform.mqttPort,
    devices: fleet.meters,
    window: options.window,
    durationMs: options.secondsPerRound * 1000,
    sequenceBase: base,
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
  });
  if (outcome.broken > 0) throw new Error(`${outcome.broken} connections were broken under load`);
  let highest = 0;
  for (const [id, upTo] of Object.entries(outcome.acknowledgedUpTo)) {
    highest = Math.max(highest, upTo);
    const promises = promised.get(id) ?? [];
    for (let sequence = 1; sequence <= upTo; sequence += 1) promises.push(base + sequence);
    promised.set(id, promises);
  }
  sequenceBase = base + highest;
  return outcome;
}

async function warmUp(
  platform: BenchedPlatform,
  fleet: Bystanders,
  promised: Map<string, number[]>,
  options: IngestOptions,
): Promise<void> {
  options.say('warming up');
  await loadPlatform(platform, fleet, promised, { ...options, secondsPerRound: Math.min(10, options.secondsPerRound) });
  await untilDrained(platform);
}

async function runHalfLoad(
  platform: BenchedPlatform,
  fleet: Bystanders,
  promised: Map<string, number[]>,
  ratePerSecond: number,
  options: IngestOptions,
): Promise<Record<string, number>> {
  // Long enough that one slow answer among the probes is not the 99th percentile by itself.
  const seconds = Math.max(60, options.secondsPerRound);
  const watching = watchBystanders(platform, fleet, seconds * 1000);
  const load = await loadPlatform(platform, fleet, promised, { ...options, secondsPerRound: seconds }, ratePerSecond);
  const seen = await watching;
  await untilDrained(platform);
  return {
    halfRate: Math.round(load.ratePerSecond),
    halfPubackP50Ms: round(load.latencyMs.p50),
    halfPubackP99Ms: round(load.latencyMs.p99),
    ...seen,
  };
}

function summary(rounds: readonly Round[]): Record<string, unknown> {
  const bare = median(rounds.map((one) => one.bare));
  const platform = median(rounds.map((one) => one.platform));
  const relayed = rounds.flatMap((one) => (one.mosquitto === undefined ? [] : [one.mosquitto]));
  return {
    ratio: round(median(rounds.map((one) => one.platform / one.bare))),
    ratePerSecond: Math.round(platform),
    bareRatePerSecond: Math.round(bare),
    ...(relayed.length > 0
      ? {
          mosquittoRatePerSecond: Math.round(median(relayed)),
          ratioToMosquitto: round(platform / median(relayed)),
        }
      : { mosquitto: 'not installed' }),
    pubackP50Ms: round(median(rounds.map((one) => one.puback.p50))),
    pubackP99Ms: round(median(rounds.map((one) => one.puback.p99))),
    eventLoopP99Ms: round(median(rounds.map((one) => one.eventLoopP99Ms))),
    residentMiB: Math.round(Math.max(...rounds.map((one) => one.residentMiB))),
    cpuMicrosPerMessage: Object.fromEntries(
      [...(rounds[0]?.cpu.keys() ?? [])].map((name) => [
        name,
        round(median(rounds.map(({ cpu }) => cpu.get(name) ?? 0))),
      ]),
    ),
  };
}
