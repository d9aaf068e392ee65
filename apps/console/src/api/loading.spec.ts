import { describe, expect, it } from '@jest/globals';
import { useLoading } from './loading.js';

/** A reading whose answers are given by hand. */
function scene() {
  const answers: { resolve: (found: string) => void; reject: (error: Error) => void }[] = [];
  const taken: string[] = [];
  const loaded = useLoading(
    (_asked: string) => new Promise<string>((resolve, reject) => answers.push({ resolve, reject })),
    (found) => taken.push(found),
  );
  return { ...loaded, answers, taken };
}

describe('useLoading', () => {
  it('takes what was read, and says while it is read', async () => {
    const { load, loading, problem, answers, taken } = scene();
    const done = load('a');
    expect(loading.value).toBe(true);
    answers[0]?.resolve('A');
    await done;
    expect([loading.value, problem.value, taken]).toEqual([false, undefined, ['A']]);
  });

  it('drops an answer and a failure that were overtaken, in whatever order they come', async () => {
    const { load, loading, problem, answers, taken } = scene();
    const all = [load('a'), load('b'), load('c')];
    answers[2]?.resolve('C');
    answers[0]?.resolve('A');
    answers[1]?.reject(new Error('gone'));
    await Promise.all(all);
    expect([loading.value, problem.value, taken]).toEqual([false, undefined, ['C']]);
  });

  it('says why it failed until it has succeeded', async () => {
    const { load, problem, answers } = scene();
    const failing = load('a');
    answers[0]?.reject(new Error('gone'));
    await failing;
    expect(problem.value).toBeDefined();
    const again = load('a');
    expect(problem.value).toBeDefined();
    answers[1]?.resolve('A');
    await again;
    expect(problem.value).toBeUndefined();
  });

  it('takes nothing of what was dropped', async () => {
    const { load, drop, loading, answers, taken } = scene();
    const done = load('a');
    drop();
    expect(loading.value).toBe(false);
    answers[0]?.resolve('A');
    await done;
    expect(taken).toEqual([]);
  });
});
