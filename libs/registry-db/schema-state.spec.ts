import { describe, expect, it } from '@jest/globals';
import { schemaState } from './schema-state.js';

const migrations = (names: string) => [...names].map((hash) => ({ hash, at: hash.charCodeAt(0) }));

describe('what a registry is to this version', () => {
  it.each([
    ['new', '', { kind: 'behind', applied: 0 }],
    ['of the version before', 'a', { kind: 'behind', applied: 1 }],
    ['of this version', 'ab', { kind: 'current' }],
    ['of this version, read in another order', 'ba', { kind: 'current' }],
    ['of a newer version', 'abcd', { kind: 'ahead', unknown: 2 }],
    ['not of a released version, from the first migration on', 'x', { kind: 'foreign', index: 0 }],
    ['not of a released version, in its second migration', 'ac', { kind: 'foreign', index: 1 }],
    ['not of a released version, and further', 'acd', { kind: 'foreign', index: 1 }],
  ])('%s', (_, applied, expected) => {
    expect(schemaState(migrations(applied), migrations('ab'))).toEqual(expected);
  });
});
