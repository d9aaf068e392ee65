import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '#libs/runtime';
import { serverOffer, startServer } from '#libs/runtime/testing';
import { type Bucket, DayCalendar, type TelemetryStore } from '#libs/telemetry-store';
import { openTestTelemetryStore, testInfluxdbStore } from '#libs/telemetry-store/testing';
import { CityYear } from './city-year.js';
import { quantile, round } from './statistics.js';

const hour = 3_600_000;
const dayMs = 24 * hour;
const queryTimeoutMs = 60_000;
const latestDevices = 1_000;
/** Devices whose hours of a day fit into one question. */
const devicesPerQuestion = 8_000;
const entriesPerAppend = 10;
const metric = 'metering.water.total';

export interface QueryBenchOptions {
  engines: 'embedded' | 'server';
  /** Readings to load, about. */
  readings: number;
  devices: number;
  /** Times that each question of one device is asked, each time of another device; the others a tenth of it. */
  repeats: number;
  /** Most seconds for rolling up what was loaded, newest day first. */
  rollUpSeconds: number;
  say: (text: string) => void;
}

/** Days go by as readings are loaded; what waits for a timer waits for real. */
class LoadClock implements Clock {
  readonly after = systemClock.after;

  constructor(private time: number) {}

  now(): number {
    return this.time;
  }

  moveTo(time: number): void {
    this.time = Math.max(this.time, time);
  }
}

/** A store under questions. */
interface BenchedStore {
  name: string;
  store: TelemetryStore;
  /** Brings what was loaded into the order that it has in service. */
  settle(now: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Loads a year of a city's readings through the port, as days went by, and asks what a console asks: how long it takes, and
 * how many readings each answer stands for.
 */
export async function benchQuery(options: QueryBenchOptions): Promise<Record<string, unknown>> {
  const { devices, readings, say } = options;
  const city = new CityYear(devices, readings, new DayCalendar('Asia/Shanghai').dayOf(systemClock.now()).from);
  const clock = new LoadClock(city.from);
  const benched = options.engines === 'server' ? await openInfluxdb(clock, options) : await openDuckdb(clock);
  try {
    const load = await loadYear(benched, city, clock, say);
    return { store: benched.name, devices, ...load, questions: await askAll(benched.store, city, options) };
  } finally {
    await benched.close();
  }
}

async function openDuckdb(clock: LoadClock): Promise<BenchedStore> {
  const { store, close } = await openTestTelemetryStore({ clock, queryTimeoutMs });
  return {
    name: 'DuckDB',
    store,
    settle: async (now) => {
      clock.moveTo(now);
      await store.maintain();
    },
    close,
  };
}

async function openInfluxdb(clock: LoadClock, options: QueryBenchOptions): Promise<BenchedStore> {
  const { title } = serverOffer('influxdb');
  const server = await startServer('influxdb');
  const database = `bench${randomBytes(5).toString('hex')}`;
  const store = testInfluxdbStore({ url: server.url, database, clock, queryTimeoutMs });
  await store.start();
  return {
    name: title,
    store,
    settle: async (now) => {
      clock.moveTo(now);
      const until = performance.now() + options.rollUpSeconds * 1_000;
      // While days go by, the newest are rolled up at once; the year is once it is there.
      if (now >= systemClock.now() - dayMs) await store.rollUp(() => performance.now() < until);
    },
    close: async () => {
      await store.stop();
      await server.stop();
    },
  };
}

async function loadYear(
  { store, settle }: BenchedStore,
  city: CityYear,
  clock: LoadClock,
  say: (text: string) => void,
): Promise<Record<string, unknown>> {
  const began = performance.now();
  let readings = 0;
  let position = 0;
  let settlingMs = 0;
  for (let day = 0; day < city.days; day += 1) {
    clock.moveTo(city.dayAt(day) + dayMs);
    const entries = [...city.batchesOf(day)].map((batch) => {
      position += 1;
      return { ...batch, lane: 'bulk' as const, partition: 0, position };
    });
    // As a stage hands over what several partitions bring together.
    for (let first = 0; first < entries.length; first += entriesPerAppend) {
      const stored = await store.append(entries.slice(first, first + entriesPerAppend));
      readings += stored.reduce((sum, one) => sum + one.readings, 0);
    }
    const settling = performance.now();
    if (day % 30 === 29) await settle(city.dayAt(day) + dayMs + hour);
    settlingMs += performance.now() - settling;
    if (day % 30 === 29) say(`${day + 1} of ${city.days} days, ${round(readings / 1e6)} M readings`);
  }
  const loadSeconds = (performance.now() - began - settlingMs) / 1_000;
  say('rolling up');
  const settling = performance.now();
  // Twice: what the first round sorts, the second rolls up.
  for (let turn = 1; turn <= 2; turn += 1) await settle(city.dayAt(city.days) + 3 * turn * hour);
  settlingMs += performance.now() - settling;
  return {
    readings,
    loadSeconds: round(loadSeconds),
    readingsPerSecond: Math.round(readings / loadSeconds),
    settlingSeconds: round(settlingMs / 1_000),
  };
}

async function askAll(
  store: TelemetryStore,
  city: CityYear,
  { repeats, say }: QueryBenchOptions,
): Promise<Record<string, unknown>> {
  const now = city.dayAt(city.days);
  const yesterday = { from: now - dayMs, to: now };
  const year = { from: now - 364 * dayMs, to: now };
  const series = (deviceKeys: string[], range: { from: number; to: number }, stepMs: number) =>
    store.downsample({ deviceKeys, metric, range, stepMs, originMs: range.from, aggregation: 'mean' });
  const device = (index: number) => city.deviceKey((index * 7_919) % city.devices);
  const few = Math.max(3, Math.round(repeats / 10));
  const questions = {
    [`latest of ${latestDevices} devices`]: ask(few, async (turn) => {
      const keys = Array.from({ length: latestDevices }, (_, index) => device(turn * latestDevices + index));
      return (await store.latest(keys)).size;
    }),
    'a day of one device': ask(repeats, async (turn) => {
      return (await store.range({ deviceKey: device(turn), range: yesterday, limit: 5_000 })).length;
    }),
    'a year of one device by the day': ask(repeats, async (turn) => {
      filled(await series([device(turn)], year, dayMs));
      return city.readingsBetween(year);
    }),
    'a day of all devices by the hour': ask(3, async () => {
      for (let first = 0; first < city.devices; first += devicesPerQuestion) {
        const count = Math.min(devicesPerQuestion, city.devices - first);
        filled(
          await series(
            Array.from({ length: count }, (_, index) => city.deviceKey(first + index)),
            yesterday,
            hour,
          ),
        );
      }
      return city.devices * city.readingsBetween(yesterday);
    }),
  };
  const answers: Record<string, unknown> = {};
  for (const [name, question] of Object.entries(questions)) {
    say(name);
    answers[name] = await question();
  }
  return answers;
}

/** An answer with nothing in it would be quick. */
function filled(answer: ReadonlyMap<string, readonly Bucket[]>): void {
  for (const [key, buckets] of answer) {
    if (!buckets.some(({ value }) => value !== null)) throw new Error(`the series of ${key} is empty`);
  }
}

function ask(times: number, question: (turn: number) => Promise<number>): () => Promise<Record<string, number>> {
  return async () => {
    const milliseconds: number[] = [];
    let rows = 0;
    for (let turn = 0; turn < times; turn += 1) {
      const began = performance.now();
      rows = await question(turn);
      milliseconds.push(performance.now() - began);
    }
    return {
      asked: times,
      p50Ms: round(quantile(milliseconds, 0.5)),
      p99Ms: round(quantile(milliseconds, 0.99)),
      firstMs: round(milliseconds[0] ?? Number.NaN),
      readingsCovered: rows,
    };
  };
}
