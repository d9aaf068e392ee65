import { describe, expect, it } from '@jest/globals';
import { decodePart } from '../stored-part.js';
import type { StoredReading, TelemetryStore } from '../telemetry-store.port.js';
import { always, type ContractRun, dayMs, exported, hour } from './contract-run.js';
import { dayStart, messageOf } from './messages.js';

const days = 20;
const reportsPerDay = 40;

/** A copy of everything, into a store of any engine. */
export function describeBackup(run: ContractRun): void {
  describe('backup', () => {
    it('hands out everything, and a store that takes it shows the same', async () => {
      await fill(run);
      const before = await shown(run.store);
      expect(before.readings.length).toBeGreaterThan(days * reportsPerDay);
      const pieces = await exported(run.store);
      // What is there is not changed by it, and a second one is the same.
      expect(await shown(run.store)).toEqual(before);
      expect(tally(await exported(run.store))).toEqual(tally(pieces));

      await run.store.clear();
      for (const piece of pieces) await run.store.importPart(piece);
      expect(await shown(run.store)).toEqual(before);
      await run.reopen();
      expect(await shown(run.store)).toEqual(before);

      // It goes on where it was: what had been stored is left out, what follows is stored.
      const { position } = run;
      run.position = position - 1;
      await run.append(messageOf({ deviceKey: 'again' }, { values: { level: 1 } }));
      expect(await run.range('again')).toEqual([]);
      await run.append(messageOf({ deviceKey: 'again' }, { values: { level: 1 } }));
      expect(await run.range('again')).toHaveLength(1);
      expect(await run.store.deleteBefore({ reading: dayStart + 2 * dayMs, hour: 0, day: 0 })).toBeGreaterThanOrEqual(
        0,
      );
      expect(
        await run.store.range({ deviceKey: 'd-1', range: { from: 0, to: dayStart + 2 * dayMs }, limit: 5 }),
      ).toEqual([]);
    }, 60_000);

    it('is empty but for the positions where nothing was stored, and refuses what it does not know', async () => {
      expect(tally(await exported(run.store))).toEqual({ readings: 0, frames: 0, rollups: 0, kept: 0, positions: 0 });
      await expect(run.store.importPart(Uint8Array.of(0x93, 9, 0xa1, 0x78, 0x90))).rejects.toThrow('newer release');
    });
  });
}

function tally(pieces: readonly Uint8Array[]): Record<string, number> {
  const rows = { readings: 0, frames: 0, rollups: 0, kept: 0, positions: 0 };
  for (const piece of pieces.map(decodePart)) rows[piece.kind] += piece.rows.length;
  return rows;
}

/** Many days, all types, corrections, repetitions, late and stray times, metrics that no model has, frames refused. */
async function fill(run: ContractRun): Promise<void> {
  for (let day = 0; day < days; day += 1) {
    const messages = Array.from({ length: reportsPerDay }, (_, index) => {
      const observedAt = dayStart + day * dayMs + index * 60_000;
      const values = {
        level: day * 100 + index,
        open: index % 2 === 0,
        state: `s "${index}"\\`,
        place: { at: [index, null] },
      };
      return messageOf(
        { deviceKey: `d-${index % 3}`, receivedAt: observedAt + 5, frame: Buffer.from([day, index, 0, 255]) },
        { observedAt, ...(index % 2 === 0 ? { seq: index } : { deviceTime: observedAt - 1_000 }), values },
      );
    });
    await run.append(...messages);
  }
  const rejected = messageOf({
    deviceKey: 'd-1',
    outcome: 'rejected',
    reason: 'checksum',
    receivedAt: dayStart + hour,
  });
  const correction = { observedAt: dayStart, seq: 0, revision: 2, values: { level: -1 } };
  const unmodelled = messageOf({ deviceKey: 'd-2' }, { observedAt: dayStart + hour, values: {} });
  const readings = Array.from({ length: 12 }, (_, index) => ({ metric: `own-${index}`, value: index, quality: 8 }));
  await run.append(
    rejected,
    messageOf({ deviceKey: 'd-0', receivedAt: dayStart + days * dayMs }, correction),
    { ...unmodelled, reports: [{ observedAt: dayStart + hour, revision: 0, readings }] },
    messageOf({ deviceKey: 'd-1' }, { observedAt: dayStart - 300 * dayMs, values: { level: 7 } }),
  );
}

/** What there is to see of a store. */
async function shown(store: TelemetryStore) {
  const keys = ['d-0', 'd-1', 'd-2'];
  const readings: StoredReading[] = [];
  for (const deviceKey of keys) readings.push(...(await store.range({ deviceKey, range: always, limit: 10_000 })));
  const frames = await Promise.all(keys.map((deviceKey) => store.frames({ deviceKey, range: always, limit: 5_000 })));
  const series = await store.downsample({
    deviceKeys: keys,
    metric: 'level',
    range: { from: dayStart, to: dayStart + days * dayMs },
    stepMs: 6 * hour,
    originMs: dayStart,
    aggregation: 'mean',
  });
  const latest = [...(await store.latest(keys))].sort();
  const positions = [...(await store.positions())].sort((a, b) => a.partition - b.partition);
  return {
    readings: readings.map(plain),
    frames: frames.flat().map((frame) => ({ ...frame, bytes: [...frame.bytes] })),
    series: [...series].sort(),
    latest: latest.map(([key, some]) => [key, some.map(plain).sort((a, b) => (a.metric < b.metric ? -1 : 1))]),
    positions,
  };
}

/** A reading without what is undefined, which is absent after a journey. */
function plain(reading: StoredReading): StoredReading {
  return Object.fromEntries(
    Object.entries(reading).filter(([, value]) => value !== undefined),
  ) as unknown as StoredReading;
}
