import { randomBytes } from 'node:crypto';
import type { DayCalendar } from '../day-calendar.js';
import type { MessageLines } from './reading-lines.js';
import { measurements, nanoseconds } from './schema.js';
import { tagText } from './tag-text.js';

/**
 * Readings that are stored so long after their day's end are marked: the day may have been rolled up. Well before days are
 * closed, so that processes' clocks may differ.
 */
const lateAfterMs = 3_600_000;
/** A commit that is late for more devices of a day than this marks the day as a whole. */
const markedDevices = 64;

/** Marks in two steps: what the second says is only true once the first is durable. */
export interface LateMarks {
  devices: { line: string }[];
  days: { line: string }[];
}

/**
 * Marks for readings that are stored and came late for their days, as of `now`, a time after they were stored. Each mark is
 * unlike all before, so that whoever rolls up can tell a mark it has dealt with from a newer one whatever the clocks say.
 */
export function lateMarks({ points }: MessageLines, calendar: DayCalendar, now: number): LateMarks {
  const late = new Map<number, Set<string>>();
  for (const { message, report } of points) {
    if (!report) continue;
    const day = calendar.dayOf(report.observedAt);
    if (day.to + lateAfterMs > now) continue;
    late.set(day.from, (late.get(day.from) ?? new Set()).add(message.deviceKey));
  }
  const marks: LateMarks = { devices: [], days: [] };
  if (late.size === 0) return marks;
  const mark = `${now}-${randomBytes(9).toString('base64url')}`;
  for (const [from, devices] of late) {
    const stale = devices.size > markedDevices;
    marks.days.push({
      line: `${measurements.rolledDays} ${stale ? 'stale' : 'late'}="${mark}" ${nanoseconds(from)}`,
    });
    if (stale) continue;
    for (const device of devices) {
      marks.devices.push({
        line: `${measurements.late},device=${tagText(device)} mark="${mark}" ${nanoseconds(from)}`,
      });
    }
  }
  return marks;
}

/** When a mark was made, epoch milliseconds. */
export function markedAt(mark: string): number {
  return Number.parseInt(mark, 10);
}
