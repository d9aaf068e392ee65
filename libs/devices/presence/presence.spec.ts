import { describe, expect, it } from '@jest/globals';
import { PresenceBook, type PresenceSubject } from './presence.js';

const interval = 100;
const epoch = 1_790_000_000;

type Step =
  | [at: number, what: 'message' | 'connected' | 'disconnected']
  | [at: number, what: 'disable' | 'enable' | 'interval', seconds?: number];

/** What happens to one device that reports every 100 s, and when it is wanted on- or offline. */
const scripts: { name: string; steps: Step[]; until: number; want: string[] }[] = [
  { name: 'a message brings it online', steps: [[10, 'message']], until: 100, want: ['10 online message'] },
  { name: 'a connection brings it online', steps: [[10, 'connected']], until: 100, want: ['10 online connection'] },
  { name: 'a disconnect says nothing of a device never seen', steps: [[10, 'disconnected']], until: 1_000, want: [] },
  {
    name: 'it is offline after 2.5 intervals of silence, not before',
    steps: [
      [10, 'message'],
      [110, 'message'],
    ],
    until: 1_000,
    want: ['10 online message', '360 offline silence'],
  },
  {
    name: 'it comes back',
    steps: [
      [0, 'message'],
      [500, 'message'],
    ],
    until: 600,
    want: ['0 online message', '250 offline silence', '500 online message'],
  },
  {
    name: 'a sporadic reporter stays online between its sessions',
    steps: [0, 100, 200, 300].flatMap((at): Step[] => [
      [at, 'connected'],
      [at + 1, 'message'],
      [at + 2, 'disconnected'],
    ]),
    until: 550,
    want: ['0 online connection'],
  },
  {
    name: 'and is offline when the next reports fail to come',
    steps: [
      [0, 'connected'],
      [1, 'message'],
      [2, 'disconnected'],
    ],
    until: 1_000,
    want: ['0 online connection', '251 offline silence'],
  },
  {
    name: 'a device that holds its session is missed 60 s after losing it',
    steps: [
      [0, 'connected'],
      [100, 'message'],
      [200, 'message'],
      [210, 'disconnected'],
    ],
    until: 1_000,
    want: ['0 online connection', '270 offline connection'],
  },
  {
    name: 'unless it reconnects in time',
    steps: [
      [0, 'connected'],
      [100, 'message'],
      [200, 'message'],
      [210, 'disconnected'],
      [260, 'connected'],
      [300, 'message'],
    ],
    until: 549,
    want: ['0 online connection'],
  },
  {
    name: 'or reports another way',
    steps: [
      [0, 'connected'],
      [200, 'message'],
      [210, 'disconnected'],
      [265, 'message'],
      [365, 'message'],
    ],
    until: 1_000,
    want: ['0 online connection', '615 offline silence'],
  },
  {
    name: 'it takes over its own session: the old one ends after the new one began',
    steps: [
      [0, 'connected'],
      [200, 'message'],
      [210, 'connected'],
      [211, 'disconnected'],
      [300, 'message'],
    ],
    until: 549,
    want: ['0 online connection'],
  },
  {
    name: 'a connection without a word does not keep it online',
    steps: [[0, 'connected']],
    until: 1_000,
    want: ['0 online connection', '250 offline silence'],
  },
  {
    name: 'a disabled device is offline at once, and stays so',
    steps: [
      [0, 'message'],
      [50, 'disable'],
      [60, 'message'],
      [70, 'connected'],
    ],
    until: 1_000,
    want: ['0 online message', '50 offline disabled'],
  },
  {
    name: 'until it is enabled and heard from',
    steps: [
      [0, 'message'],
      [50, 'disable'],
      [60, 'enable'],
      [70, 'message'],
    ],
    until: 300,
    want: ['0 online message', '50 offline disabled', '70 online message'],
  },
  {
    name: 'a longer interval counts at once',
    steps: [
      [0, 'message'],
      [200, 'interval', 1_000],
    ],
    until: 3_000,
    want: ['0 online message', '2500 offline silence'],
  },
  {
    name: 'so does a shorter one',
    steps: [
      [0, 'message'],
      [50, 'interval', 10],
    ],
    until: 3_000,
    want: ['0 online message', '50 offline silence'],
  },
];

function play(steps: readonly Step[], until: number): string[] {
  const subject: PresenceSubject = { expectedIntervalSeconds: interval, mayConnect: true };
  const book = new PresenceBook({ silenceFactor: 2.5, reconnectSeconds: 60 }, () => subject);
  const heard: string[] = [];
  for (let at = 0; at <= until; at += 1) {
    for (const [, what, seconds] of steps.filter((step) => step[0] === at)) {
      if (what === 'message') book.heard('device', at, epoch + at);
      else if (what === 'connected') book.connected('device', at, epoch + at);
      else if (what === 'disconnected') book.disconnected('device', at);
      else {
        if (what === 'interval') subject.expectedIntervalSeconds = seconds ?? interval;
        else subject.mayConnect = what === 'enable';
        book.reconsider('device', at);
      }
    }
    book.passTime(at, epoch + at, 1_000);
    heard.push(...book.takeChanges().map(({ online, cause }) => `${at} ${online ? 'online' : 'offline'} ${cause}`));
  }
  return heard;
}

describe('presence', () => {
  it.each(scripts)('$name', ({ steps, until, want }) => {
    expect(play(steps, until)).toEqual(want);
  });

  it('looks at no more devices at once than it is told, and misses none', () => {
    const book = new PresenceBook({ silenceFactor: 2.5, reconnectSeconds: 60 }, () => ({
      expectedIntervalSeconds: 1,
      mayConnect: true,
    }));
    for (let n = 0; n < 5_000; n += 1) book.heard(`device-${n}`, 0, epoch);
    expect(book.takeChanges()).toHaveLength(5_000);
    const gone: number[] = [];
    for (let at = 3; at < 10; at += 1) {
      book.passTime(at, epoch + at, 1_000);
      gone.push(book.takeChanges().length);
    }
    expect(gone).toEqual([1_000, 1_000, 1_000, 1_000, 1_000, 0, 0]);
  });

  it('is the same after its slots were written and read again', () => {
    const uuid = (n: number) => `019a0000-0000-7000-8000-${String(n).padStart(12, '0')}`;
    const subject = () => ({ expectedIntervalSeconds: interval, mayConnect: true });
    const book = new PresenceBook({ silenceFactor: 2.5, reconnectSeconds: 60 }, subject);
    for (let n = 0; n < 3_000; n += 1) book.heard(uuid(n), n, epoch + n);
    const again = new PresenceBook({ silenceFactor: 2.5, reconnectSeconds: 60 }, subject);
    for (let chunk = 0; chunk < book.slots.chunks; chunk += 1) again.slots.decode(book.slots.encode(chunk));
    again.scheduleAll(3_000);
    again.passTime(3_000, epoch + 3_000, 10_000);
    expect(again.slots.size).toBe(3_000);
    expect(again.slots.find(uuid(2_999))).toBe(2_999);
    // Offline are those last heard from 250 s ago or longer: at 2,750 or before.
    expect(again.takeChanges().map(({ slot }) => slot)).toEqual(Array.from({ length: 2_751 }, (_, n) => n));
  });
});
