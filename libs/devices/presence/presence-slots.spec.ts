import { describe, expect, it } from '@jest/globals';
import { PresenceSlots } from './presence-slots.js';

/** Two devices as the first release kept them (base64). It is never changed. */
const released =
  'AQGiHf7/snIoudRU1PU5WnsBoh3+/9ZwKotTiCSCc9LhZQAAAMkAAABmAAAAygAAAGcAAADLAAAAaAAAAMwAAABpAAAAzQAAAGoAAADOAAAAAQEAAAEBAAABAQ==';
const words = ['seen', 'lastSeenAt', 'since', 'shownSeenAt', 'sessionSince', 'disconnected'] as const;
const flags = ['sessions', 'online', 'holdsSession', 'cause', 'untold'] as const;

describe('what the first release knew of presence', () => {
  it('is read as it was meant, and written as it was', () => {
    const slots = new PresenceSlots();
    slots.decode(Buffer.from(released, 'base64'));
    const found = ['01a21dfe-ffb2-7228-b9d4-54d4f5395a7b', '01a21dfe-ffd6-702a-8b53-88248273d2e1'].map((key) => {
      const slot = slots.find(key) ?? -1;
      return [...words, ...flags].map((name) => slots[name][slot]);
    });
    expect(found).toEqual([
      [101, 102, 103, 104, 105, 106, 1, 0, 1, 0, 1],
      [201, 202, 203, 204, 205, 206, 1, 0, 1, 0, 1],
    ]);
    expect(slots.size).toBe(2);
    expect(slots.encode(0).toString('base64')).toBe(released);
  });
});
