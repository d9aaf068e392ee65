import { describe, expect, it } from '@jest/globals';
import { createLogger, systemClock } from '#libs/runtime';
import { influxdbLogin, ownServerOffer, startServer } from '#libs/runtime/testing';
import { batchOf, dayStart, messageOf, testInfluxdbStore } from '#libs/telemetry-store/testing';

const offer = ownServerOffer('influxdb');
const database = `server_${process.pid}`;
const always = { from: dayStart, to: dayStart + 86_400_000 };

(offer.available ? describe : describe.skip)(`InfluxDB telemetry store and its server, ${offer.title}`, () => {
  it('tells a stage to come back while InfluxDB is away, and says so', async () => {
    const own = await startServer('influxdb');
    const impatient = { settings: { INFLUX_WRITE_TIMEOUT_MS: '500' }, queryTimeoutMs: 500 };
    const store = testInfluxdbStore({ url: own.url, database, ...impatient });
    const late = testInfluxdbStore({ url: own.url, database });
    await store.start();
    const entry = (position: number) =>
      batchOf([messageOf({ deviceKey: 'd' }, { observedAt: dayStart + position, values: { level: position } })], {
        position,
      });
    const append = async (position: number) => {
      for (;;) {
        const stored = await store.append([entry(position)]).catch((error: { retryable: boolean }) => error);
        if (Array.isArray(stored)) return;
        expect(stored).toMatchObject({ retryable: true });
      }
    };
    try {
      await append(1);
      own.process?.pause();
      // A process of many threads stops a moment after the signal.
      await new Promise((resolve) => setTimeout(resolve, 200));
      await expect(store.append([entry(2)])).rejects.toMatchObject({ status: 503, retryable: true });
      await expect(store.latest(['d'])).rejects.toMatchObject({ status: 503 });
      own.process?.resume();
      await append(2);
      await own.process?.kill();
      await expect(store.append([entry(3)])).rejects.toMatchObject({ status: 503, retryable: true });
      expect(await store.problem()).toMatch(/does not answer/);
      const started = late.start();
      await new Promise((resolve) => setTimeout(resolve, 400));
      await own.process?.start();
      await started;
      await append(3);
      expect(await late.problem()).toBeUndefined();
      const found = await late.range({ deviceKey: 'd', range: always, limit: 10 });
      expect(found.map((one) => one.value)).toEqual([1, 2, 3]);
    } finally {
      await Promise.all([store.stop(), late.stop()]);
      own.process?.resume();
      await own.stop();
    }
  }, 60_000);

  // 2.x does not show its settings to whoever may only read and write.
  if (!influxdbLogin()) {
    it('warns of a server that acknowledges before its disk has it', async () => {
      const careless = await startServer('influxdb', ['wal-fsync-delay = "100ms"']);
      const warnings: string[] = [];
      const logger = createLogger('test', 'silent');
      logger.warn = (...said: unknown[]) => void warnings.push(JSON.stringify(said));
      const store = testInfluxdbStore({ url: careless.url, database, logger });
      try {
        await store.start();
        expect(warnings).toEqual([expect.stringMatching(/100ms.*before they are on disk/)]);
      } finally {
        await store.stop();
        await careless.stop();
      }
    });
  }

  it('gives up waiting when it is stopped', async () => {
    const store = testInfluxdbStore({ url: 'http://127.0.0.1:1', database, clock: systemClock });
    const started = store.start();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await store.stop();
    await expect(started).rejects.toMatchObject({ code: 'telemetry_store_unavailable' });
  });
});
