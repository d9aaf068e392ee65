import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '#libs/runtime';
import { serverOffer, startServer } from '#libs/runtime/testing';
import type { TelemetryStore } from '#libs/telemetry-store';
import {
  influxdbPost,
  openTestTelemetryStore,
  rowsScannedFile,
  testInfluxdbStore,
} from '#libs/telemetry-store/testing';

const dayMs = 86_400_000;
const queryTimeoutMs = 60_000;

/** A store under questions. */
export interface BenchedStore {
  name: string;
  store: TelemetryStore;
  /** Brings what was loaded into the order that it has in service. */
  settle(now: number): Promise<void>;
  /** What the engine itself tells of the work behind a question; asked of a store that remembers nothing yet. */
  scanned(question: (store: TelemetryStore) => Promise<unknown>): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** Days go by as readings are loaded; what waits for a timer waits for real. */
export class LoadClock implements Clock {
  readonly after = systemClock.after;

  constructor(private time: number) {}

  now(): number {
    return this.time;
  }

  moveTo(time: number): void {
    this.time = Math.max(this.time, time);
  }
}

/** DuckDB, in a folder of its own. */
export async function openDuckdb(clock: LoadClock): Promise<BenchedStore> {
  const loaded = await openTestTelemetryStore({ clock, queryTimeoutMs });
  const { dataDir } = loaded;
  const profileFolder = join(dataDir, 'profile');
  const file = join(profileFolder, rowsScannedFile);
  let profiled: typeof loaded | undefined;
  return {
    name: 'DuckDB',
    store: loaded.store,
    settle: async (now) => {
      clock.moveTo(now);
      await loaded.store.maintain();
    },
    scanned: async (question) => {
      if (!profiled) await loaded.store.stop();
      profiled ??= await openTestTelemetryStore({ dataDir, clock, queryTimeoutMs, profileFolder });
      rmSync(file, { force: true });
      await question(profiled.store);
      const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
      return { statements: lines.length, rowsScanned: lines.reduce((sum, line) => sum + Number(line), 0) };
    },
    close: async () => {
      await profiled?.close();
      await loaded.close();
    },
  };
}

/** InfluxDB, with a database of its own. */
export async function openInfluxdb(clock: LoadClock, rollUpSeconds: number): Promise<BenchedStore> {
  const { title } = serverOffer('influxdb');
  const server = await startServer('influxdb');
  const database = `bench${randomBytes(5).toString('hex')}`;
  const open = async () => {
    const store = testInfluxdbStore({ url: server.url, database, clock, queryTimeoutMs });
    await store.start();
    return store;
  };
  const store = await open();
  return {
    name: title,
    store,
    settle: async (now) => {
      clock.moveTo(now);
      const until = performance.now() + rollUpSeconds * 1_000;
      // While days go by, the newest are rolled up at once; the year is once it is there.
      if (now >= systemClock.now() - dayMs) await store.rollUp(() => performance.now() < until);
    },
    scanned: async (question) => {
      const fresh = await open();
      const statements = await statementsOf(() => question(fresh));
      await fresh.stop();
      return await explained(`${server.url}/query?db=${database}`, statements);
    },
    close: async () => {
      await store.stop();
      await server.stop();
    },
  };
}

/** The statements that are sent while `work` runs. */
async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const statements: string[] = [];
  const listener = (message: unknown) => {
    const { request } = message as { request: { body?: unknown } };
    const statement = new URLSearchParams(String(request.body ?? '')).get('q');
    if (statement) statements.push(statement);
  };
  subscribe('undici:request:create', listener);
  try {
    await work();
  } finally {
    unsubscribe('undici:request:create', listener);
  }
  return statements;
}

const told = ['cursors_ref', 'cursors_aux', 'cursors_cond', 'blocks_decoded', 'blocks_size_bytes'] as const;

/** What `EXPLAIN ANALYZE` tells of statements, in sum. It counts blocks of up to 1,000 values, and explains no SHOW. */
async function explained(url: string, statements: readonly string[]): Promise<Record<string, number>> {
  const sums = new Map<string, number>();
  const selects = statements.filter((statement) => statement.startsWith('SELECT'));
  for (const statement of selects) {
    const body = new URLSearchParams({ q: `EXPLAIN ANALYZE ${statement}` });
    const response = await influxdbPost(url, body);
    const text = await response.text();
    for (const name of told) {
      for (const [, count] of text.matchAll(new RegExp(`${name}: (\\d+)`, 'g'))) {
        sums.set(name, (sums.get(name) ?? 0) + Number(count));
      }
    }
  }
  const sum = (...names: readonly (typeof told)[number][]) => names.reduce((all, one) => all + (sums.get(one) ?? 0), 0);
  return {
    statements: statements.length,
    statementsUnexplained: statements.length - selects.length,
    cursors: sum('cursors_ref', 'cursors_aux', 'cursors_cond'),
    blocksDecoded: sum('blocks_decoded'),
    blockBytesDecoded: sum('blocks_size_bytes'),
  };
}
