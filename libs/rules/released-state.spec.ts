import { describe, expect, it } from '@jest/globals';
import { decodeDevice, encodeDevice } from './device-state.js';
import type { Rule, RuleState } from './rule.js';

const at = 1_774_000_000_000;
const standing = { raisedAt: at, saidAt: at + 1, clearedAt: 0 };
/** What each kind of rule remembers of a device. */
const memories = {
  threshold: { flags: 3, since: [at, 0], seen: [at, 1], values: [1.5, true] },
  group: { flags: 1, since: [at], seen: [at], values: ['open'] },
  change: { seen: at, last: 'closed' },
  event: { seen: at },
  delta: { seen: at, value: 1.5, high: 2, low: -1, identity: 12_345 },
  window: {
    ...{ seen: at, value: 1.5, slot: 7, sum: 2.5, count: 3, partial: true, run: 2 },
    ...{ ring: [1, null, 2.5], mean: [0.5], learnt: [3] },
  },
  absence: {},
};
/** The bytes that the first release made of it (base64). They are never changed. */
const released =
  'lAHLQnnQqjzAIADLQnnQqjzAMACXmgECAMtCedCqPMAAAMtCedCqPMAQAAADkstCedCqPMAAAACSy0J50Ko8wAAAAZLLP/gAAAAAAADDmgIDBstCedCqPMAAAMtCedCqPMAQAAABkctCedCqPMAAAJHLQnnQqjzAAACRpG9wZW6YAwQBy0J50Ko8wAAAy0J50Ko8wBAAAMtCedCqPMAAAKZjbG9zZWSXBAUCy0J50Ko8wAAAy0J50Ko8wBAAAMtCedCqPMAAAJsFBgPLQnnQqjzAAADLQnnQqjzAEAAAy0J50Ko8wAAAyz/4AAAAAAAAAv/NMDncABAGBwTLQnnQqjzAAADLQnnQqjzAEAAAy0J50Ko8wAAAyz/4AAAAAAAAB8tABAAAAAAAAAPDApMBwMtABAAAAAAAAJHLP+AAAAAAAACRA5YHCAXLQnnQqjzAAADLQnnQqjzAEAAA';

const kept = Object.entries(memories).map(([kind, memory], place) => ({
  ...{ ordinal: place + 1, revision: place + 2, kind },
  state: { ...standing, ...memory },
}));

describe('what the first release remembered of a device', () => {
  it('is read as it was meant', () => {
    expect(decodeDevice(Buffer.from(released, 'base64'))).toEqual({ heardAt: at + 2, seenAt: at + 3, rules: kept });
  });

  it('is what is written today, so that its processes take a partition over from ours', () => {
    const rules = kept.map(({ ordinal, revision, kind }) => ({ ordinal, revision, definition: { kind } }));
    const states = kept.map(({ state }) => state as unknown as RuleState);
    const written = encodeDevice(at + 2, at + 3, rules as unknown as Rule[], states);
    expect(written.toString('base64')).toBe(released);
  });
});
