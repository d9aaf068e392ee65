import { describe, expect, it } from '@jest/globals';
import { ScriptedClock } from '#libs/runtime';
import { FailedLogins } from './failed-logins.js';

describe('failed logins', () => {
  it('lock out the device that fails, for a minute, and not its neighbours behind the same address', async () => {
    const clock = new ScriptedClock(0);
    const logins = new FailedLogins(clock, { perDevice: 3, perAddress: 100 });
    for (let n = 0; n < 3; n++) {
      expect(logins.waitMs('10.0.0.1', 'meter-1')).toBe(0);
      logins.failed('10.0.0.1', 'meter-1');
    }
    expect(logins.waitMs('10.0.0.1', 'meter-1')).toBe(60_000);
    expect(logins.waitMs('10.0.0.1', 'meter-2')).toBe(0);
    expect(logins.waitMs('10.0.0.2', 'meter-1')).toBe(0);
    await clock.advance(60_000);
    expect(logins.waitMs('10.0.0.1', 'meter-1')).toBe(0);
  });

  it('lock out an address that guesses over many devices', () => {
    const logins = new FailedLogins(new ScriptedClock(0), { perDevice: 3, perAddress: 100 });
    for (let n = 0; n < 100; n++) logins.failed('10.0.0.1', `meter-${n}`);
    expect(logins.waitMs('10.0.0.1', 'meter-1000')).toBe(60_000);
    expect(logins.waitMs('10.0.0.2', 'meter-1000')).toBe(0);
  });
});
