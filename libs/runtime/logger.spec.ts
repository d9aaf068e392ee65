import { describe, expect, it } from '@jest/globals';
import { DrizzleQueryError } from 'drizzle-orm';
import { createLogger } from './logger.js';

describe('what the log says of a statement that failed', () => {
  const hash = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g';
  const statement = 'update "users" set "password_hash" = $1 where "key" = $2';
  const failed = new DrizzleQueryError(statement, [hash, 'key'], new Error('Connection terminated'));
  const cases: [string, unknown][] = [
    ['as the error of a line', { err: failed }],
    ['as the line itself', failed],
    ['as the cause of another that repeats it', { err: new Error(`not now: ${failed.message}`, { cause: failed }) }],
  ];
  it.each(cases)('leaves its values out, %s', (_name, line) => {
    const lines: string[] = [];
    createLogger('test', 'info', { write: (written) => lines.push(written) }).error(line, 'request failed');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('argon2id');
    const { err } = JSON.parse(lines[0] ?? '') as { err: { message: string; stack: string; params?: unknown } };
    expect(err.message).toContain(`Failed query: ${statement}: Connection terminated`);
    expect(err.stack).toContain('logger.spec');
    expect(err.params).toBeUndefined();
  });
});
