import { describe, expect, it } from '@jest/globals';
import { ApiProblem } from '../api/problem.js';
import { type BulkProgress, bulkRun } from './bulk-run.js';

describe('bulkRun', () => {
  const things = Array.from({ length: 10 }, (_, index) => `d${index}`);

  it('does all, a few at a time, and tells of each', async () => {
    let running = 0;
    let most = 0;
    const told: number[] = [];
    const end = await bulkRun(
      things,
      (thing) => thing,
      async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 1));
        running--;
      },
      ({ done }) => told.push(done),
    );
    expect([most, told, end]).toEqual([4, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { total: 10, done: 10, failed: [] }]);
  });

  it('goes on after a failure, and tries again what may succeed', async () => {
    const tries: Record<string, number> = {};
    const end = await bulkRun(
      things,
      (thing) => thing,
      async (thing) => {
        tries[thing] = (tries[thing] ?? 0) + 1;
        if (thing === 'd1') throw new ApiProblem(409, 'conflict', '');
        if (thing === 'd2' && tries[thing] < 3) throw new ApiProblem(503, 'engine_unavailable', '');
        if (thing === 'd3') throw new TypeError('Failed to fetch');
      },
      () => {},
      undefined,
      1,
    );
    expect(end.failed.map(({ name, problem }) => [name, problem.code]).sort()).toEqual([
      ['d1', 'conflict'],
      ['d3', 'network'],
    ]);
    expect([end.done, tries.d1, tries.d2, tries.d3]).toEqual([10, 1, 3, 3]);
  });

  it('stops where it is told to', async () => {
    const stopping = new AbortController();
    const last: BulkProgress[] = [];
    await bulkRun(
      things,
      (thing) => thing,
      async () => stopping.abort(),
      (progress) => last.push(progress),
      stopping.signal,
    );
    expect(last.at(-1)?.done).toBeLessThan(10);
  });
});
