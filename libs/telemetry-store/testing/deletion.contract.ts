import { fork } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '#libs/runtime';
import { always, type ContractRun, dayMs, hour, keeping, values } from './contract-run.js';
import { crashBatch, dayStart, messageOf } from './messages.js';

/** What goes, and what must not: deletion, rebuild, a kill in the midst of appends. */
export function describeDeletion(run: ContractRun): void {
  describe('deletion', () => {
    it('deletes whole days by age', async () => {
      for (let day = 0; day < 5; day += 1) {
        const at = dayStart + day * dayMs + hour;
        const many = Array.from({ length: 300 }, (_, index) =>
          messageOf({ deviceKey: index === 0 ? 'd' : `other-${index}` }, { observedAt: at, values: { level: day } }),
        );
        await run.append(...many);
      }
      await run.append(messageOf({ deviceKey: 'old' }, { observedAt: dayStart, values: { level: 1 } }));
      expect(await run.store.deleteBefore(keeping(dayStart + 2 * dayMs + 5 * hour))).toBe(2);
      const check = async () => {
        expect(values(await run.range('d'))).toEqual([2, 3, 4]);
        expect(await run.store.frames({ deviceKey: 'd', range: always, limit: 10 })).toHaveLength(3);
        expect(await run.range('old')).toEqual([]);
        expect((await run.store.latest(['old'])).size).toBe(0);
        expect(values((await run.store.latest(['d'])).get('d') ?? [])).toEqual([4]);
      };
      await check();
      await run.reopen();
      await check();
      expect(await run.store.deleteBefore(keeping(dayStart + 2 * dayMs))).toBe(0);
    });

    it('empties the store for a rebuild from the stream', async () => {
      await run.append(messageOf({ deviceKey: 'd' }, { values: { level: 1 } }));
      await run.store.clear();
      expect(await run.store.positions()).toEqual([]);
      expect(await run.range('d')).toEqual([]);
      expect((await run.store.latest(['d'])).size).toBe(0);
      expect(await run.store.frames({ deviceKey: 'd', range: always, limit: 10 })).toEqual([]);
      run.position = 0;
      await run.append(messageOf({ deviceKey: 'd' }, { values: { level: 1 } }));
      await run.reopen();
      expect(values(await run.range('d'))).toEqual([1]);
      expect(values((await run.store.latest(['d'])).get('d') ?? [])).toEqual([1]);
    });
  });

  it('has all it acknowledged, once, after SIGKILL in the middle of appends', async () => {
    await run.store.stop();
    const acknowledged = await appendUntilKilled(run, 40);
    run.store = await run.harness.open(run.dataDir, systemClock);
    const [reached] = await run.store.positions();
    expect(reached?.position).toBeGreaterThanOrEqual(acknowledged);
    for (let next = acknowledged; next <= acknowledged + 3; next += 1) await run.store.append([crashBatch(next)]);
    const found = await run.store.range({ deviceKey: 'crash', range: always, limit: 10_000 });
    const last = Math.max(acknowledged + 3, reached?.position ?? 0);
    expect(values(found)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    expect(values((await run.store.latest(['crash'])).get('crash') ?? [])).toEqual([last]);
  });
}

function appendUntilKilled({ harness, dataDir }: ContractRun, count: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(harness.crashScript, [dataDir, ...(harness.crashArguments?.() ?? [])], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    let acknowledged = 0;
    child.on('message', (position) => {
      acknowledged = position as number;
      if (acknowledged === count) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('exit', (_code, signal) =>
      signal === 'SIGKILL' ? resolve(acknowledged) : reject(new Error('the crash script ended by itself')),
    );
  });
}
