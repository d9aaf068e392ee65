import { systemClock } from '#libs/runtime';
import { type Bucket, DayCalendar, type StoreBatch, type TelemetryStore } from '#libs/telemetry-store';
import { type BenchedStore, LoadClock, openDuckdb, openInfluxdb } from './benched-stores.js';
import { CityYear } from './city-year.js';
import { quantile, round } from './statistics.js';

const hour = 3_600_000;
const dayMs = 24 * hour;
const latestDevices = 1_000;
/** Devices whose hours of a day fit into one question. */
const devicesPerQuestion = 8_000;
/** Entries in one call, as a stage hands over what it was given; several stages' worth wait at a time. */
const entriesPerAppend = 5;
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

/** What is asked, and how often; `ask` answers how many readings the answer stands for. */
interface Question {
  name: string;
  times: number;
  ask(store: TelemetryStore, turn: number): Promise<number>;
}

/**
 * Loads a year of a city's readings through the port, as days went by, and asks what a console asks: how long it takes, how
 * many readings each answer stands for, and what the engine tells of the work behind it.
 */
export async function benchQuery(options: QueryBenchOptions): Promise<Record<string, unknown>> {
  const { devices, readings, say } = options;
  const city = new CityYear(devices, readings, new DayCalendar('Asia/Shanghai').dayOf(systemClock.now()).from);
  const clock = new LoadClock(city.from);
  const benched = await (options.engines === 'server' ? openInfluxdb(clock, options.rollUpSeconds) : openDuckdb(clock));
  try {
    const load = await loadYear(benched, city, clock, say);
    const questions = questionsOf(city, options.repeats);
    const answers = new Map<string, Record<string, number>>();
    for (const question of questions) {
      say(question.name);
      answers.set(question.name, await timed(question, benched.store));
    }
    for (const { name, times, ask } of questions) {
      // Of other devices than any before.
      const scanned = await benched.scanned((store) => ask(store, times));
      answers.set(name, { ...answers.get(name), ...scanned });
    }
    return { store: benched.name, devices, ...load, questions: Object.fromEntries(answers) };
  } finally {
    await benched.close();
  }
}

async function loadYear(
  { store, settle }: BenchedStore,
  city: CityYear,
  clock: LoadClock,
  say: (text: string) => void,
): Promise<Record<string, unknown>> {
  const began = performance.now();
  let readings = 0;
  let settlingMs = 0;
  const append = async (batches: readonly StoreBatch[]) => {
    for (const stored of await store.append(batches)) readings += stored.readings;
  };
  let storing: Promise<void> = Promise.resolve();
  for (let day = 0; day < city.days; day += 1) {
    // The next day is made up while the one before is stored.
    const entries = [...city.batchesOf(day)].map((batch) => ({ ...batch, lane: 'bulk' as const }));
    await storing;
    clock.moveTo(city.dayAt(day) + dayMs);
    const calls: Promise<void>[] = [];
    for (let first = 0; first < entries.length; first += entriesPerAppend) {
      calls.push(append(entries.slice(first, first + entriesPerAppend)));
    }
    storing = Promise.all(calls).then(() => {});
    if (day % 30 !== 29) continue;
    await storing;
    const settling = performance.now();
    await settle(city.dayAt(day) + dayMs + hour);
    settlingMs += performance.now() - settling;
    say(`${day + 1} of ${city.days} days, ${round(readings / 1e6)} M readings`);
  }
  await storing;
  const loadSeconds = (performance.now() - began - settlingMs) / 1_000;
  say(`loaded in ${Math.round(loadSeconds)} s; rolling up`);
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

function questionsOf(city: CityYear, repeats: number): Question[] {
  const now = city.dayAt(city.days);
  const yesterday = { from: now - dayMs, to: now };
  const year = { from: now - 364 * dayMs, to: now };
  const series = (store: TelemetryStore, deviceKeys: string[], range: { from: number; to: number }, stepMs: number) =>
    store.downsample({ deviceKeys, metric, range, stepMs, originMs: range.from, aggregation: 'mean' });
  const device = (index: number) => city.deviceKey((index * 7_919) % city.devices);
  const few = Math.max(3, Math.round(repeats / 10));
  const latest = async (store: TelemetryStore, turn: number) => {
    const keys = Array.from({ length: latestDevices }, (_, index) => device(turn * latestDevices + index));
    return (await store.latest(keys)).size;
  };
  return [
    { name: `latest of ${latestDevices} devices`, times: few, ask: latest },
    { name: `latest of ${latestDevices} devices, asked before`, times: few, ask: latest },
    {
      name: 'a day of one device',
      times: repeats,
      ask: async (store, turn) =>
        (await store.range({ deviceKey: device(turn), range: yesterday, limit: 5_000 })).length,
    },
    {
      name: 'a year of one device by the day',
      times: repeats,
      ask: async (store, turn) => {
        filled(await series(store, [device(turn)], year, dayMs));
        return city.readingsBetween(year);
      },
    },
    {
      name: 'a day of all devices by the hour',
      times: 3,
      ask: async (store) => {
        for (let first = 0; first < city.devices; first += devicesPerQuestion) {
          const count = Math.min(devicesPerQuestion, city.devices - first);
          const keys = Array.from({ length: count }, (_, index) => city.deviceKey(first + index));
          filled(await series(store, keys, yesterday, hour));
        }
        return city.devices * city.readingsBetween(yesterday);
      },
    },
  ];
}

/** An answer with nothing in it would be quick. */
function filled(answer: ReadonlyMap<string, readonly Bucket[]>): void {
  for (const [key, buckets] of answer) {
    if (!buckets.some(({ value }) => value !== null)) throw new Error(`the series of ${key} is empty`);
  }
}

async function timed({ times, ask }: Question, store: TelemetryStore): Promise<Record<string, number>> {
  const milliseconds: number[] = [];
  let rows = 0;
  for (let turn = 0; turn < times; turn += 1) {
    const began = performance.now();
    rows = await ask(store, turn);
    milliseconds.push(performance.now() - began);
  }
  return {
    asked: times,
    p50Ms: round(quantile(milliseconds, 0.5)),
    p99Ms: round(quantile(milliseconds, 0.99)),
    firstMs: round(milliseconds[0] ?? Number.NaN),
    readingsCovered: rows,
  };
}
