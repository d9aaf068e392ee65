import { describe, expect, it } from '@jest/globals';
import { type AuditEntry, chain, chainProblem, chainStart, outcomeOf } from './audit-record.js';

const entry: AuditEntry = {
  at: new Date('2026-11-22T08:00:00.123Z'),
  principalKind: 'user',
  principalKey: '01890000-0000-7000-8000-000000000001',
  principalName: 'admin',
  tenantKey: '01890000-0000-7000-8000-000000000002',
  method: 'POST',
  route: '/api/v1/users',
  resourceId: null,
  outcome: 'accepted',
  status: 201,
  code: null,
  ip: '127.0.0.1',
  requestId: 'r1',
};
const start = { sequence: 0, hash: chainStart };

function firstProblem(records: ReturnType<typeof chain>): string | undefined {
  let last: { sequence: number; hash: Buffer } = start;
  for (const record of records) {
    const problem = chainProblem(record, last);
    if (problem) return `${record.sequence}: ${problem}`;
    last = record;
  }
  return undefined;
}

describe('audit chain', () => {
  const records = chain([entry, { ...entry, requestId: 'r2' }, { ...entry, requestId: 'r3' }], start);

  it('holds as written', () => {
    expect(firstProblem(records)).toBeUndefined();
    expect(records.map((record) => record.sequence)).toEqual([1, 2, 3]);
  });

  it.each(Object.keys(entry) as (keyof AuditEntry)[])('shows a changed %s', (field) => {
    const changed = { ...records[1], [field]: field === 'at' ? new Date(0) : field === 'status' ? 500 : 'other' };
    expect(firstProblem([records[0], changed, records[2]] as typeof records)).toBe('2: its content was changed');
  });

  it('shows a removed record', () => {
    expect(firstProblem([records[0], records[2]] as typeof records)).toBe('3: record 2 is missing');
  });

  it('shows a record put in anew', () => {
    const forged = chain([{ ...entry, principalName: 'nobody' }], records[0] as (typeof records)[0]);
    expect(firstProblem([records[0], forged[0], records[2]] as typeof records)).toBe(
      '3: it does not follow the record before it',
    );
  });
});

describe('outcome', () => {
  it.each([
    [200, 'accepted'],
    [204, 'accepted'],
    [400, 'refused'],
    [404, 'refused'],
    [401, 'denied'],
    [403, 'denied'],
    [429, 'denied'],
    [500, 'failed'],
  ])('of %i is %s', (status, outcome) => {
    expect(outcomeOf(status)).toBe(outcome);
  });
});
