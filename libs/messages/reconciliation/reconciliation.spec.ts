import { describe, expect, it } from '@jest/globals';
import type { Lag, MessageCounts } from '#libs/stream';
import type { StoredUpTo } from '#libs/telemetry-store';
import { deadLetteredOf, differenceOf, inFlightOf, reconcile, total } from './reconciliation.js';

function lag(stream: string, group: string, messages: MessageCounts, partition = 0): Lag {
  return { stream, group, lane: 'bulk', partition, acknowledged: 0, last: 0, owed: 0, ageMs: 0, messages };
}
const store = (counts: Partial<StoredUpTo>, partition = 0): StoredUpTo => ({
  lane: 'bulk',
  partition,
  position: 1,
  passed: 0,
  messages: 0,
  rejected: 0,
  refused: 0,
  ...counts,
});
/** appended, entered, acknowledged, givenUp */
const counts = (appended: number, entered: number, acknowledged: number, givenUp = 0): MessageCounts => ({
  appended,
  entered,
  acknowledged,
  givenUp,
});

describe('reconcile', () => {
  it.each<[string, MessageCounts, MessageCounts, StoredUpTo | undefined, Record<string, number>]>([
    ['nothing yet', counts(0, 0, 0), counts(0, 0, 0), undefined, {}],
    [
      'all stored',
      counts(10, 10, 10),
      counts(10, 0, 10),
      store({ passed: 10, messages: 10 }),
      { acknowledged: 10, stored: 10 },
    ],
    [
      'stored by a release that did not count',
      counts(12, 12, 10),
      counts(10, 0, 9),
      store({ uncounted: true }),
      { acknowledged: 12, stored: 9, inFlight: 3 },
    ],
    [
      'some in each place',
      counts(100, 100, 60),
      counts(60, 0, 50),
      store({ passed: 50, messages: 50, rejected: 5 }),
      { acknowledged: 100, stored: 45, dead: 5, inFlight: 50 },
    ],
    [
      'stored and not acknowledged yet',
      counts(100, 100, 60),
      counts(60, 0, 50),
      store({ passed: 58, messages: 58 }),
      { acknowledged: 100, stored: 58, inFlight: 42 },
    ],
    [
      'stored between the two looks what waited for the normaliser at the first',
      counts(100, 100, 60),
      counts(60, 0, 60),
      store({ passed: 90, messages: 90 }),
      { acknowledged: 100, stored: 90, inFlight: 10 },
    ],
    [
      'given up by either stage, and refused by the store',
      counts(100, 100, 100, 3),
      counts(97, 0, 97, 4),
      store({ passed: 97, messages: 91, rejected: 1, refused: 2 }),
      { acknowledged: 100, stored: 90, dead: 10 },
    ],
    [
      'put back into readings',
      counts(10, 10, 10),
      counts(12, 2, 12),
      store({ passed: 12, messages: 12 }),
      { acknowledged: 12, stored: 12 },
    ],
    [
      'an entry of seven gone before the normaliser took it',
      counts(100, 100, 100),
      counts(93, 0, 93),
      store({ passed: 93, messages: 93 }),
      { acknowledged: 100, stored: 93, missingRaw: 7 },
    ],
    [
      'an entry of seven gone before it was stored',
      counts(100, 100, 100),
      counts(100, 0, 100),
      store({ passed: 100, messages: 93 }),
      { acknowledged: 100, stored: 93, missingReadings: 7 },
    ],
    [
      'a store emptied',
      counts(100, 100, 100),
      counts(100, 0, 90),
      undefined,
      { acknowledged: 100, inFlight: 10, missingReadings: 90 },
    ],
    [
      'a store restored from a backup',
      counts(100, 100, 100),
      counts(100, 0, 100),
      store({ passed: 60, messages: 60 }),
      { acknowledged: 100, stored: 60, missingReadings: 40 },
    ],
    [
      'stored twice',
      counts(10, 10, 10),
      counts(10, 0, 10),
      store({ passed: 10, messages: 13 }),
      { acknowledged: 10, stored: 13, surplus: 3 },
    ],
  ])('%s', (_what, raw, readings, stored, expected) => {
    const lags = [lag('raw', 'normaliser', raw), lag('readings', 'readings', readings), lag('raw', 'other', raw)];
    const [place] = reconcile(lags, stored ? [stored] : []);
    if (!place) throw new Error('no place');
    const { acknowledged, stored: kept, missing, surplus } = place;
    const dead = deadLetteredOf(place);
    const inFlight = inFlightOf(place);
    const found = {
      acknowledged,
      stored: kept,
      dead,
      inFlight,
      missingRaw: missing.raw,
      missingReadings: missing.readings,
      surplus,
    };
    const none = { acknowledged: 0, stored: 0, dead: 0, inFlight: 0, missingRaw: 0, missingReadings: 0, surplus: 0 };
    expect(found).toEqual({ ...none, ...expected });
    expect(acknowledged).toBe(kept + dead + inFlight + missing.raw + missing.readings - surplus);
  });

  it('does not let what is missing here be balanced by what is too much there', () => {
    const raw = [0, 1].map((partition) => lag('raw', 'normaliser', counts(10, 10, 10), partition));
    const readings = [0, 1].map((partition) => lag('readings', 'readings', counts(10, 0, 10), partition));
    const stored = [store({ passed: 10, messages: 8 }, 0), store({ passed: 10, messages: 12 }, 1)];
    const sum = total(reconcile([...raw, ...readings], stored));
    expect(sum).toMatchObject({ acknowledged: 20, stored: 20, missing: { raw: 0, readings: 2 }, surplus: 2 });
    expect(differenceOf(sum)).toBe(4);
  });
});
