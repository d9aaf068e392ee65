import { describe, expect, it } from '@jest/globals';
import { isTransient } from './transient.js';

const coded = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

describe('isTransient', () => {
  it.each([
    ['a refused connection', coded('ECONNREFUSED'), true],
    ['a socket file that is not there', coded('ENOENT', { syscall: 'connect' }), true],
    ['a file that is not there', coded('ENOENT', { syscall: 'open' }), false],
    ['PostgreSQL shutting down', coded('57P01'), true],
    ['a deadlock', coded('40P01'), true],
    ['a registry that became a read-only replica', coded('25006'), true],
    ['a password that was changed', coded('28P01'), true],
    ['a database that is not there', coded('3D000'), true],
    ['a right that was taken away', coded('42501'), true],
    ['a certificate that has expired', coded('CERT_HAS_EXPIRED'), true],
    ['a query that was not answered', new Error('Query read timeout'), true],
    ['a unique violation', coded('23505'), false],
    ['an engine down, wrapped', new Error('query', { cause: coded('08006') }), true],
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
