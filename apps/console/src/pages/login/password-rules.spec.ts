import { describe, expect, it } from '@jest/globals';
import { passwordFault } from './password-rules.js';

describe('passwordFault', () => {
  const good = 'tap water 7 rivers';
  it.each([
    ['old', good, good, undefined],
    ['', good, good, 'currentMissing'],
    ['old', 'elevenchars', 'elevenchars', 'tooShort'],
    ['old', 'x'.repeat(129), 'x'.repeat(129), 'tooLong'],
    [good, good, good, 'unchanged'],
    ['old', good, 'tap water 7 river', 'different'],
  ])('from %j to %j, again %j: %s', (current, wanted, again, fault) => {
    expect(passwordFault(current, wanted, again)).toBe(fault);
  });
});
