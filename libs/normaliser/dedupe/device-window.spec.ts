import { describe, expect, it } from '@jest/globals';
import type { Report } from '#libs/contracts';
import { DeviceWindow } from './device-window.js';

const limits = { identities: 16, resendMs: 600_000 };
const t0 = Date.UTC(2026, 10, 22);

/** One message in the order of arrival: time and receipt in seconds after t0. */
interface Step {
  time?: number;
  seq?: number;
  revision?: number;
  event?: string;
  values: Record<string, number>;
  received?: number;
  want: string;
}

function report(step: Step): Report {
  return {
    observedAt: step.time === undefined ? 0 : t0 + step.time * 1000,
    seq: step.seq,
    revision: step.revision ?? 0,
    ...(step.event !== undefined && { event: step.event }),
    readings: Object.entries(step.values).map(([metric, value]) => ({ metric, value, quality: 0 })),
  };
}

function admit(window: DeviceWindow, step: Step): string {
  const one = report(step);
  const time = step.time === undefined ? undefined : one.observedAt;
  const verdict = window.admit(one, time, t0 + (step.received ?? 0) * 1000);
  const left = one.readings.map((reading) => reading.metric).join();
  return verdict === 'partial' ? `partial ${left}${one.event ? ` ${one.event}` : ''}` : verdict;
}

const stories: Record<string, Step[]> = {
  'the same time twice': [
    { time: 1, values: { a: 1 }, want: 'new' },
    { time: 1, values: { a: 1 }, want: 'duplicate' },
    { time: 2, values: { a: 1 }, want: 'new' },
  ],
  'the same time and seq twice, with late ones between': [
    { time: 5, seq: 5, values: { a: 1, b: 2 }, want: 'new' },
    { time: 3, seq: 3, values: { a: 1, b: 2 }, want: 'new' },
    { time: 5, seq: 5, values: { b: 2, a: 1 }, want: 'duplicate' },
    { time: 3, seq: 3, values: { a: 1, b: 2 }, want: 'duplicate' },
    { time: 4, seq: 4, values: { a: 1, b: 2 }, want: 'new' },
  ],
  'one time, two sequence numbers': [
    { time: 1, seq: 1, values: { a: 1 }, want: 'new' },
    { time: 1, seq: 2, values: { a: 1 }, want: 'new' },
    { time: 1, values: { a: 1 }, want: 'new' },
  ],
  'one time, other metrics: a reading is known by its metric too': [
    { time: 1, values: { a: 1 }, want: 'new' },
    { time: 1, values: { b: 1 }, want: 'new' },
    { time: 1, values: { a: 1, b: 1, c: 1 }, want: 'partial c' },
    { time: 1, values: { c: 1 }, want: 'duplicate' },
  ],
  'other values and no revision': [
    { time: 1, seq: 1, values: { a: 1 }, want: 'new' },
    { time: 1, seq: 1, values: { a: 2 }, want: 'conflict' },
  ],
  'a correction': [
    { time: 1, values: { a: 1 }, want: 'new' },
    { time: 1, revision: 1, values: { a: 2 }, want: 'new' },
    { time: 1, values: { a: 1 }, want: 'duplicate' },
    { time: 1, revision: 1, values: { a: 2 }, want: 'duplicate' },
    { time: 1, revision: 3, values: { a: 4 }, want: 'new' },
  ],
  'an event beside telemetry of the same time': [
    { time: 1, values: { a: 1 }, want: 'new' },
    { time: 1, event: 'burst', values: {}, want: 'new' },
    { time: 1, event: 'burst', values: {}, want: 'duplicate' },
    { time: 1, event: 'leak', values: { a: 1 }, want: 'partial  leak' },
  ],
  'a sequence number alone: resent soon, or counted again after a restart': [
    { seq: 1, values: { a: 1 }, received: 0, want: 'new' },
    { seq: 2, values: { a: 1 }, received: 10, want: 'new' },
    { seq: 2, values: { a: 1 }, received: 300, want: 'duplicate' },
    { seq: 1, values: { a: 9 }, received: 310, want: 'new' },
    { seq: 1, values: { a: 1 }, received: 4000, want: 'new' },
  ],
  'neither time nor sequence': [
    { values: { a: 1 }, want: 'new' },
    { values: { a: 1 }, want: 'new' },
  ],
};

describe.each(['in memory', 'over a restart at every step'])('a device window %s', (mode) => {
  it.each(Object.keys(stories))('%s', (name) => {
    let window = new DeviceWindow(limits);
    for (const [index, step] of (stories[name] ?? []).entries()) {
      expect(`${index}: ${admit(window, step)}`).toBe(`${index}: ${step.want}`);
      if (mode !== 'in memory') window = DeviceWindow.decode(window.encode(), limits);
    }
  });
});

describe('a full window', () => {
  it('knows its newest identities, forgets the oldest, and stays small', () => {
    let window = new DeviceWindow({ identities: 64, resendMs: 600_000 });
    for (let time = 1; time <= 1000; time += 1) {
      expect(admit(window, { time, seq: time, values: { a: time, b: 2, c: 3 }, want: 'new' })).toBe('new');
      if (time % 37 === 0) window = DeviceWindow.decode(window.encode(), { identities: 64, resendMs: 600_000 });
    }
    for (let time = 937; time <= 1000; time += 1) {
      expect(admit(window, { time, seq: time, values: { a: time, b: 2, c: 3 }, want: '' })).toBe('duplicate');
    }
    expect(admit(window, { time: 936, seq: 936, values: { a: 936, b: 2, c: 3 }, want: '' })).toBe('new');
    expect(window.encode().byteLength).toBeLessThan(1_200);
  });

  it('starts over for a device that keeps inventing names, instead of growing', () => {
    const window = new DeviceWindow(limits);
    for (let time = 1; time <= 500; time += 1) {
      expect(admit(window, { time, values: { [`metric${time}`]: 1 }, want: '' })).toBe('new');
    }
    expect(window.encode().byteLength).toBeLessThan(1_000);
    expect(admit(window, { time: 500, values: { metric500: 1 }, want: '' })).toBe('duplicate');
  });

  it('knows a long message by its payload', () => {
    const window = new DeviceWindow(limits);
    expect(window.knowsPayload(1, 2)).toBe(false);
    window.rememberPayload(1, 2);
    expect(DeviceWindow.decode(window.encode(), limits).knowsPayload(1, 2)).toBe(true);
    expect(window.knowsPayload(1, 3)).toBe(false);
  });

  it.each(['', '00', 'ffffffffffffffffffffffffffffffffffffffff', '01ff0200'])(
    'reads damaged state %s as an empty window',
    (hex) => {
      const window = DeviceWindow.decode(Buffer.from(hex, 'hex'), limits);
      expect(admit(window, { time: 1, values: { a: 1 }, want: '' })).toBe('new');
    },
  );
});

describe('a window of the first release', () => {
  // Its bytes are never changed: two messages with times, one without.
  const released =
    'AQIDAACA/jyq0HlCAAAAAAAACEABAAAAEXeZ+QAAAAALqGCvQahoTbPGxpoAAAAA4S9d8J9e02wQgDarAAAAANiLLQUKA1rh73A80AAAAAE=';
  const at = 1_774_000_000_000;
  const one = (observedAt: number, seq: number, level: number): Report => ({
    ...{ observedAt, seq, revision: 0 },
    readings: [{ metric: 'level', value: level, quality: 0 }],
  });
  const releasedLimits = { identities: 64, resendMs: 60_000 };

  it('knows what that had seen, and is written as it was, so that its processes take a partition over from ours', () => {
    const read = () => DeviceWindow.decode(Buffer.from(released, 'base64'), releasedLimits);
    expect(Buffer.from(read().encode()).toString('base64')).toBe(released);
    const window = read();
    expect(window.admit(one(at, 1, 1.5), at, at + 5_000)).toBe('duplicate');
    expect(window.admit(one(at + 1_000, 2, 9), at + 1_000, at + 5_000)).toBe('conflict');
    expect(window.admit(one(0, 3, 7), undefined, at + 2_500)).toBe('duplicate');
    expect(window.admit(one(at + 2_000, 4, 7), at + 2_000, at + 5_000)).toBe('new');
  });
});
