import { describe, expect, it } from '@jest/globals';
import type { KnownDevice } from '#libs/devices';
import { DeviceSession, type SessionClient } from './device-session.js';

describe('the session of a device', () => {
  it('acknowledges in the order of its publishes, whichever is durable first', () => {
    const session = new DeviceSession({} as KnownDevice, {} as SessionClient, Buffer.alloc(0), undefined);
    const called: string[] = [];
    const [first, second, third] = ['first', 'second', 'third'].map((name) =>
      session.inOrder((error) => called.push(error ? `${name} ${error.message}` : name)),
    );
    second?.(new Error('lost'));
    expect(called).toEqual([]);
    first?.(null);
    expect(called).toEqual(['first', 'second lost']);
    third?.(null);
    expect(called).toEqual(['first', 'second lost', 'third']);
  });
});
