import { describe, expect, it } from '@jest/globals';
import { isTransient, ScriptedClock } from '#libs/runtime';
import { Lookups, RegistryUnansweredError } from './lookups.js';

function scripted(limits: { missHoldMs: number; lookupsPerSecond: number }) {
  const clock = new ScriptedClock(1_000_000);
  const asked: string[] = [];
  const failures: Error[] = [];
  const lookups = new Lookups<string>(
    limits,
    clock,
    async (name) => {
      asked.push(name);
      if (name === 'broken') throw new Error('down');
      return name === 'there' ? 'found' : undefined;
    },
    (error) => failures.push(error),
  );
  return { clock, asked, failures, lookups };
}

describe('Lookups', () => {
  it('asks once per name and hold time', async () => {
    const { clock, asked, lookups } = scripted({ missHoldMs: 3_000, lookupsPerSecond: 100 });
    expect(await lookups.ask('there')).toBe('found');
    expect(await lookups.ask('there')).toBeUndefined();
    await clock.advance(2_999);
    expect(await lookups.ask('there')).toBeUndefined();
    await clock.advance(1);
    expect(await lookups.ask('there')).toBe('found');
    expect(asked).toEqual(['there', 'there']);
  });

  it('shares a question under way', async () => {
    const { asked, lookups } = scripted({ missHoldMs: 0, lookupsPerSecond: 100 });
    expect(await Promise.all([lookups.ask('there'), lookups.ask('there')])).toEqual(['found', 'found']);
    expect(asked).toHaveLength(1);
  });

  it('asks no more than so many questions a second, whatever the names', async () => {
    const { clock, asked, lookups } = scripted({ missHoldMs: 3_000, lookupsPerSecond: 10 });
    await Promise.allSettled(Array.from({ length: 1_000 }, (_, n) => lookups.ask(`guess-${n}`)));
    expect(asked).toHaveLength(10);
    await clock.advance(1_000);
    expect(await lookups.ask('there')).toBe('found');
  });

  it('turns to what is found otherwise for a question too many', async () => {
    const lookups = new Lookups<string>(
      { missHoldMs: 3_000, lookupsPerSecond: 1 },
      new ScriptedClock(1_000_000),
      async (name) => `asked ${name}`,
      () => {},
      async (name) => `refreshed ${name}`,
    );
    const answers = await Promise.all(['a', 'b', 'a'].map((name) => lookups.ask(name)));
    expect(answers).toEqual(['asked a', 'refreshed b', 'asked a']);
  });

  it('gives no answer where the registry gives none, and asks again at once', async () => {
    const { asked, failures, lookups } = scripted({ missHoldMs: 3_000, lookupsPerSecond: 10 });
    for (const _ of [1, 2]) {
      await expect(lookups.ask('broken')).rejects.toThrow(RegistryUnansweredError);
    }
    expect(asked).toHaveLength(2);
    expect(failures).toHaveLength(2);
    expect(await lookups.ask('there')).toBe('found');
  });

  it('has an answer that says "not now" for a question too many', async () => {
    const { lookups } = scripted({ missHoldMs: 3_000, lookupsPerSecond: 1 });
    await lookups.ask('there');
    const error = await lookups.ask('other').catch((caught: unknown) => caught);
    expect(isTransient(error)).toBe(true);
  });
});
