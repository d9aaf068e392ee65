import { describe, expect, it } from '@jest/globals';
import { createLogger } from '#libs/runtime';
import { StreamUnavailableError } from '../stream.errors.js';
import { until } from '../testing/contract-scene.js';
import { Tail } from './tail.js';

describe('a tail', () => {
  it('that cannot read looks again twice a second, however often it is woken meanwhile', async () => {
    let looks = 0;
    let away = true;
    const look = async () => {
      looks += 1;
      if (away) throw new StreamUnavailableError('Redis cannot be reached');
      return [];
    };
    const reader = { tails: async () => new Map<string, number>(), readAfter: look };
    const tail = new Tail(reader, 1, 'raw', () => undefined, createLogger('test', 'silent'));
    for (let wakes = 0; wakes < 40; wakes++) {
      tail.wake(undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Both lanes of one partition, at once and about every 500 ms in 800.
    expect(looks).toBeGreaterThanOrEqual(2);
    expect(looks).toBeLessThanOrEqual(4);
    away = false;
    const failed = looks;
    await until(() => looks > failed);
    tail.stop();
  });
});
