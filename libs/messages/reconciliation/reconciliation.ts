import { type Lane, streams } from '#libs/contracts';
import type { Lag, MessageCounts } from '#libs/stream';
import type { StoredUpTo } from '#libs/telemetry-store';

/** What became of all messages that were ever acknowledged to devices, or put back by people. */
export interface Reconciled {
  /** Durable in the stream: their devices were told so. */
  acknowledged: number;
  /** In the ledger of frames, also the duplicates and connection events, not the rejected; retention may have deleted them since. */
  stored: number;
  deadLettered: {
    /** The normaliser could make nothing of them; their frames are in the ledger too. */
    rejected: number;
    /** The telemetry store cannot hold their frames. */
    unstorable: number;
    /** Stages failed on them every time. */
    givenUp: number;
  };
  inFlight: {
    /** Wait for the normaliser. */
    raw: number;
    /** Wait to be stored. */
    readings: number;
  };
  missing: {
    /** Acknowledged, and gone before the normaliser had passed them on. */
    raw: number;
    /** Passed on by the normaliser, and not in the store. */
    readings: number;
  };
  /** Stored or passed on without having been acknowledged. */
  surplus: number;
}

/** The same of one lane of one partition. */
export interface ReconciledPlace extends Reconciled {
  lane: Lane;
  partition: number;
}

const nothing: MessageCounts = { appended: 0, entered: 0, acknowledged: 0, givenUp: 0 };

/** How many messages are not where they should be: 0 when all is well. */
export function differenceOf({ missing, surplus }: Reconciled): number {
  return missing.raw + missing.readings + surplus;
}

/** All that is dead-lettered. */
export function deadLetteredOf({ deadLettered }: Reconciled): number {
  return deadLettered.rejected + deadLettered.unstorable + deadLettered.givenUp;
}

/** All that is under way. */
export function inFlightOf({ inFlight }: Reconciled): number {
  return inFlight.raw + inFlight.readings;
}

/**
 * Balances every place. `lags` must be older than `stored`: what is stored in between is then never taken for missing,
 * because the store knows what it has passed.
 */
export function reconcile(lags: readonly Lag[], stored: readonly StoredUpTo[]): ReconciledPlace[] {
  const places = new Map<string, { lane: Lane; partition: number; raw?: MessageCounts; readings?: MessageCounts }>();
  for (const { stream, group, lane, partition, messages } of lags) {
    const isRaw = stream === streams.raw && group === 'normaliser';
    if (!isRaw && !(stream === streams.readings && group === 'readings')) continue;
    const name = `${lane}/${partition}`;
    const place = places.get(name) ?? { lane, partition };
    places.set(name, { ...place, [isRaw ? 'raw' : 'readings']: messages });
  }
  const storedOf = new Map(stored.map((one) => [`${one.lane}/${one.partition}`, one]));
  return [...places].map(([name, { lane, partition, raw = nothing, readings = nothing }]) => ({
    lane,
    partition,
    ...balance(raw, readings, storedOf.get(name)),
  }));
}

/** The sum of places. */
export function total(places: readonly Reconciled[]): Reconciled {
  const sum = (of: (place: Reconciled) => number) => places.reduce((all, place) => all + of(place), 0);
  return {
    acknowledged: sum((place) => place.acknowledged),
    stored: sum((place) => place.stored),
    deadLettered: {
      rejected: sum((place) => place.deadLettered.rejected),
      unstorable: sum((place) => place.deadLettered.unstorable),
      givenUp: sum((place) => place.deadLettered.givenUp),
    },
    inFlight: { raw: sum((place) => place.inFlight.raw), readings: sum((place) => place.inFlight.readings) },
    missing: { raw: sum((place) => place.missing.raw), readings: sum((place) => place.missing.readings) },
    surplus: sum((place) => place.surplus),
  };
}

function balance(raw: MessageCounts, readings: MessageCounts, stored: StoredUpTo | undefined): Reconciled {
  const { passed: storedUpTo, messages, rejected, refused } = countsOf(readings, stored);
  // The store is ahead of the acknowledgement for a moment, and behind it only where something was lost.
  const passed = Math.max(readings.acknowledged, storedUpTo);
  const passedOn = readings.appended - readings.entered;
  const missing = {
    raw: raw.acknowledged - raw.givenUp - passedOn,
    readings: passed - readings.givenUp - refused - messages,
  };
  return {
    // A dead letter that is put back into `readings` has been acknowledged once more.
    acknowledged: raw.appended + readings.entered,
    stored: messages - rejected,
    deadLettered: { rejected, unstorable: refused, givenUp: raw.givenUp + readings.givenUp },
    inFlight: { raw: raw.appended - raw.acknowledged, readings: readings.appended - passed },
    missing: { raw: Math.max(0, missing.raw), readings: Math.max(0, missing.readings) },
    surplus: Math.max(0, -missing.raw) + Math.max(0, -missing.readings),
  };
}

/** What a release stored that did not count is what the stream says was acknowledged. */
function countsOf(readings: MessageCounts, stored: StoredUpTo | undefined) {
  if (!stored) return { passed: 0, messages: 0, rejected: 0, refused: 0 };
  if (!stored.uncounted) return stored;
  const { acknowledged, givenUp } = readings;
  return { passed: acknowledged, messages: acknowledged - givenUp, rejected: 0, refused: 0 };
}
