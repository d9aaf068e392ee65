import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ScriptedClock } from '#libs/runtime';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { dropDatabase, openTestTelemetryStore, testInfluxdbStore } from '#libs/telemetry-store/testing';
import { aggregations, type TelemetryStore } from './telemetry-store.port.js';
import { dayMs, exported, hour } from './testing/contract-run.js';
import { batchOf, dayStart, messageOf } from './testing/messages.js';

const offer = serverOffer('influxdb');
const days = 6;
const database = `journey_${process.pid}`;

(offer.available ? describe : describe.skip)(`roll-ups of which the readings are gone, and ${offer.title}`, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer('influxdb');
  }, 60_000);
  afterAll(() => server.stop());

  /** By aggregation and step, what there is to see of them. */
  async function series(store: TelemetryStore): Promise<unknown[]> {
    const found: unknown[] = [];
    for (const aggregation of aggregations) {
      for (const stepMs of [6 * hour, dayMs]) {
        const range = { from: dayStart, to: dayStart + days * dayMs };
        const question = { deviceKeys: ['d-0', 'd-1'], range, stepMs, originMs: dayStart, aggregation };
        for (const metric of ['level', 'door', 'state'])
          found.push([...(await store.downsample({ ...question, metric }))]);
      }
    }
    return found;
  }

  it('travel from DuckDB to InfluxDB and back', async () => {
    const clock = new ScriptedClock(dayStart + (days + 3) * dayMs);
    const first = await openTestTelemetryStore({ clock });
    const second = testInfluxdbStore({ url: server.url, database, clock });
    await second.start();
    const third = await openTestTelemetryStore({ clock });
    const messages = Array.from({ length: days * 24 }, (_, index) =>
      messageOf(
        { deviceKey: `d-${index % 2}` },
        {
          observedAt: dayStart + index * hour + 1_000,
          values: { level: (index * 37) % 50, door: index % 3 === 0, state: 'open' },
        },
      ),
    );
    await first.store.append([batchOf(messages, { position: 1 })]);
    await first.store.maintain();
    await first.store.deleteBefore({ reading: dayStart + 4 * dayMs, hour: 0, day: 0 });
    const before = await series(first.store);
    expect(JSON.stringify(before)).toContain('49');

    for (const piece of await exported(first.store)) await second.importPart(piece);
    expect(await series(second)).toEqual(before);
    for (const piece of await exported(second)) await third.store.importPart(piece);
    expect(await series(third.store)).toEqual(before);

    await Promise.all([first.close(), second.stop(), third.close()]);
    await dropDatabase(server.url, database);
  }, 60_000);
});
