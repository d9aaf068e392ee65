import { describe, expect, it } from '@jest/globals';
import { decodeDeadLetters, streams } from '#libs/contracts';
import { StreamFailedError, StreamUnavailableError } from '../stream.errors.js';
import { deadLettersOf, isTransient } from './stage-failure.js';

const coded = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

describe('isTransient', () => {
  it.each([
    ['a refused connection', coded('ECONNREFUSED'), true],
    ['a socket file that is not there', coded('ENOENT', { syscall: 'connect' }), true],
    ['a file that is not there', coded('ENOENT', { syscall: 'open' }), false],
    ['PostgreSQL shutting down', coded('57P01'), true],
    ['a deadlock', coded('40P01'), true],
    ['a unique violation', coded('23505'), false],
    ['an engine down, wrapped', new Error('query', { cause: coded('08006') }), true],
    ['a full stream', new StreamUnavailableError('full'), true],
    ['a failed stream', new StreamFailedError('failed'), false],
    ['an error that says so', Object.assign(new Error('later'), { retryable: true }), true],
    [
      'an error that denies it, around one that does not',
      Object.assign(new Error('never', { cause: coded('ECONNRESET') }), { retryable: false }),
      false,
    ],
    ['a bug', new TypeError('x is undefined'), false],
    ['no error at all', 'text', false],
    ['nothing', undefined, false],
  ])('%s', (_, error, expected) => {
    expect(isTransient(error)).toBe(expected);
  });
});

describe('deadLettersOf', () => {
  const source = { stream: 'readings', group: 'rules', lane: 'urgent' as const, partition: 7 };
  const entry = { position: 42, appendedAt: 1, data: Buffer.from('not a raw group') };

  it('keeps the entry whole where it cannot be read as raw messages', () => {
    for (const stream of [streams.readings, streams.raw]) {
      const appends = deadLettersOf({ ...source, stream }, entry, new Error('why'), 5);
      expect(appends).toMatchObject([{ stream: streams.deadLetters, lane: 'urgent', partition: 7 }]);
      const [letter] = decodeDeadLetters(appends[0]?.data ?? Buffer.alloc(0));
      expect(letter).toMatchObject({ id: `stage_failed/${stream}/rules/u.7.42.0`, stream, at: 5, tenantKey: '' });
      expect(Buffer.from(letter?.original ?? []).toString()).toBe('not a raw group');
    }
  });

  it('makes none of a dead letter that the dead-letter stage cannot take', () => {
    expect(deadLettersOf({ ...source, stream: streams.deadLetters }, entry, new Error('why'), 5)).toEqual([]);
  });
});
