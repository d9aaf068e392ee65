import { describe, expect, it } from '@jest/globals';
import type { Entry, LogRecord, StreamLog } from '../stream.port.js';
import { contractScene, entry, everything, type OpenLog, sourceOf } from './contract-scene.js';

async function recordsOf(log: StreamLog): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of log.export()) records.push(record);
  return records;
}

async function* each(records: readonly LogRecord[]): AsyncIterable<LogRecord> {
  yield* records;
}

async function stateOf(log: StreamLog, group: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key, value } of log.scanState(group, 0, '')) found.push(`${key}=${Buffer.from(value)}`);
  return found;
}

function shown({ data, ...entry }: Entry) {
  return { ...entry, text: Buffer.from(data).toString() };
}

/** A log that goes on elsewhere, on any engine, where it stood. */
export function describeCopies(open: OpenLog): void {
  const scene = contractScene(open);

  describe('copies', () => {
    it('have what is owed, what is known and where each place ends, and go on from there', async () => {
      const { log } = await scene.open();
      for (const group of ['stage', 'slow']) await log.registerGroup('raw', group);
      await log.registerGroup('readings', 'stage');
      const texts = Array.from({ length: 1_200 }, (_, index) => entry(`e${index}`));
      await log.append([...texts, entry('urgent', { lane: 'urgent' }), entry('elsewhere', { partition: 3 })]);
      await log.append([entry('nobody reads', { stream: 'commands', partition: 1 })]);
      const made = [entry('out', { stream: 'readings' }), entry('letter', { stream: 'dead', partition: 2 })];
      const state = [{ key: 'ключ 键', value: Buffer.from('v') }];
      await log.commit({ source: sourceOf(), upTo: 1_150, append: made, state, givenUp: 2 });
      await log.commit({ source: sourceOf({ group: 'slow' }), upTo: 1_100, append: [], state: [] });
      const before = (await log.lag()).map((lag) => JSON.stringify(lag)).sort();
      const records = await recordsOf(log);
      expect(records.filter(({ kind }) => kind === 'entry')).toHaveLength(100 + 1 + 1 + 1);

      const other = await scene.open();
      await other.log.registerGroup('raw', 'gone');
      await other.log.append([entry('gone')]);
      await other.log.import(each(records));
      const check = async (copy: StreamLog) => {
        expect((await copy.lag()).map((lag) => JSON.stringify(lag)).sort()).toEqual(before);
        expect(await stateOf(copy, 'stage')).toEqual(['ключ 键=v']);
        const read = (await copy.read(sourceOf(), everything)).map(shown);
        expect(read).toEqual((await log.read(sourceOf(), everything)).map(shown));
        expect(read[0]).toMatchObject({ position: 1_151, text: 'e1150', messagesBefore: 1_150 });
      };
      await check(other.log);
      const copy = await other.reopen();
      await check(copy);
      await copy.append([entry('next'), entry('next', { stream: 'commands', partition: 1 })]);
      const after = await copy.read(sourceOf(), { after: 1_200, maxEntries: 5, maxBytes: 1_000 });
      expect(after).toMatchObject([{ position: 1_201, messagesBefore: 1_200 }]);
      const commands = { stream: 'commands', partition: 1 };
      expect((await copy.read(sourceOf(commands), { after: 1, maxEntries: 5, maxBytes: 1_000 }))[0]?.position).toBe(2);
      await copy.commit({ source: sourceOf(), upTo: 1_201, append: made, state: [] });
      await copy.commit({ source: sourceOf({ group: 'slow' }), upTo: 1_201, append: [], state: [] });
      expect(await copy.trim([{ stream: 'raw', maxAgeMs: 0, maxBytes: 0 }])).toBeGreaterThanOrEqual(0);
      await copy.append([entry('and on')]);
      expect((await copy.read(sourceOf(), everything)).map(({ position }) => position)).toEqual([1_202]);
    }, 30_000);

    it('of a log without anything have nothing', async () => {
      const { log } = await scene.open();
      expect(await recordsOf(log)).toEqual([{ kind: 'extent', whole: true }]);
    });
  });
}
