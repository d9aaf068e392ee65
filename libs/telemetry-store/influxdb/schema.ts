import { type Lane, parseMessageId } from '#libs/contracts';

/**
 * Measurements of the store. `readings` and `overflow` hold readings, `frames` the raw ledger, `rollup_hours` and `rollup_days`
 * roll-ups; the others are small and keep the store's own books: `positions` reached, local `days` that hold something,
 * unmodelled metrics `admitted` to series of their own, `rolled_days`, devices with readings that came `late` for theirs, and
 * from when on what is `kept`.
 */
export const measurements = {
  readings: 'readings',
  overflow: 'overflow',
  frames: 'frames',
  positions: 'positions',
  days: 'days',
  admitted: 'admitted',
  rollupHours: 'rollup_hours',
  rollupDays: 'rollup_days',
  rolledDays: 'rolled_days',
  late: 'late',
  kept: 'kept',
} as const;

/** The type of a value, part of its series. What no rule may judge is in series apart, so that aggregates leave it out. */
export const valueKinds = ['number', 'boolean', 'text', 'object'] as const;
export type ValueKind = (typeof valueKinds)[number];
export const doubtful = 'doubtful_';

/** Revisions from here on share a tag value: among them the last to arrive is kept. Bounds the series that a device can make. */
export const highestRevisionTag = 9;

/** Positions of a (lane, partition) are kept in so many points, so that a late write of a lower one hides no higher one. */
export const positionSlots = 64;

/** The furthest time that InfluxDB can hold as a whole, in epoch milliseconds; as far before 1970. */
export const furthestMs = 9_223_372_036_853;
const half = 500_000;

/** True for a time from 1970 on that fits into InfluxDB's 64-bit nanoseconds; before, its milliseconds are rounded up. */
export function storableTime(at: number): boolean {
  return Number.isInteger(at) && at >= 0 && at <= furthestMs;
}

/**
 * Nanoseconds, as digits, that tell readings of one millisecond apart: below the half by message, from the half on by
 * sequence number. So their order is that of (observedAt, seq), as long as neither wraps around within a millisecond.
 */
export function readingTime(observedAt: number, seq: number | undefined, messageId: string): string {
  return nanoseconds(observedAt, seq === undefined ? messageDigits(messageId) % half : half + modulo(seq, half));
}

/** Nanoseconds of a frame, as digits, that tell messages received in one millisecond apart. */
export function frameTime(receivedAt: number, messageId: string): string {
  return nanoseconds(receivedAt, messageDigits(messageId));
}

/** Neighbours in the stream never share their digits: an entry counts for 1,009, and seldom has as many messages. */
function messageDigits(messageId: string): number {
  const id = parseMessageId(messageId);
  if (!id) throw new Error(`"${messageId.slice(0, 80)}" is not a message id`);
  return ((id.position % 1_000_000) * 1_009 + id.index) % 1_000_000;
}

/** Milliseconds and what is added below them, as the digits of nanoseconds: more than a JavaScript number holds. */
export function nanoseconds(ms: number, below = 0): string {
  return ms === 0 ? String(below) : `${ms}${String(below).padStart(6, '0')}`;
}

/** The nanosecond at which a position is kept. */
export function positionTime(position: number): string {
  return String(position % positionSlots);
}

/** Names a (lane, partition). */
export function sourceKey(lane: Lane, partition: number): string {
  return `${lane}/${partition}`;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
