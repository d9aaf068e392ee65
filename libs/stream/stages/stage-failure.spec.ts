import { describe, expect, it } from '@jest/globals';
import { DrizzleQueryError } from 'drizzle-orm';
import { decodeDeadLetters, streams } from '#libs/contracts';
import { deadLettersOf } from './stage-failure.js';

describe('deadLettersOf', () => {
  const source = { stream: 'readings', group: 'rules', lane: 'urgent' as const, partition: 7 };
  const entry = { position: 42, appendedAt: 1, messagesBefore: 0, data: Buffer.from('not a raw group') };

  it('keeps the entry whole where it cannot be read as raw messages', () => {
    for (const stream of [streams.readings, streams.raw]) {
      const appends = deadLettersOf({ ...source, stream }, entry, new Error('why'), 5);
      expect(appends).toMatchObject([{ stream: streams.deadLetters, lane: 'urgent', partition: 7 }]);
      const [letter] = decodeDeadLetters(appends[0]?.data ?? Buffer.alloc(0));
      expect(letter).toMatchObject({ id: `stage_failed/${stream}/rules/u.7.42.0`, stream, at: 5, tenantKey: '' });
      expect(Buffer.from(letter?.original ?? []).toString()).toBe('not a raw group');
    }
  });

  it('says why, without the values of a statement that failed', () => {
    const failed = new DrizzleQueryError('update "users" set "x" = $1', ['secret'], new Error('value refused'));
    const [append] = deadLettersOf(source, entry, failed, 5);
    const [letter] = decodeDeadLetters(append?.data ?? Buffer.alloc(0));
    expect(letter?.detail).toBe(
      'The stage failed on this entry every time: value refused: Failed query: update "users" set "x" = $1',
    );
  });

  it('makes none of a dead letter that the dead-letter stage cannot take', () => {
    expect(deadLettersOf({ ...source, stream: streams.deadLetters }, entry, new Error('why'), 5)).toEqual([]);
  });
});
