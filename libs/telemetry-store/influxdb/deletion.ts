import type { DayCalendar } from '../day-calendar.js';
import { resolutions, type TimeOfResolution } from '../telemetry-store.port.js';
import type { InfluxConnection } from './influx-connection.js';
import type { RollupBooks } from './rollup-books.js';
import type { Rollups } from './rollups.js';
import { measurements } from './schema.js';

/** Deleting looks at every series. */
const deletionTimeoutMs = 600_000;
const dated = [measurements.readings, measurements.overflow, measurements.frames];

/**
 * Deletes whole local days of readings and frames before the one that `before.reading` lies in, once they are rolled up, and
 * roll-ups before theirs; returns how many days of readings and frames held something.
 */
export async function deleteDaysBefore(
  before: TimeOfResolution,
  from: { calendar: DayCalendar; connection: InfluxConnection; books: RollupBooks; rollups: Rollups },
): Promise<number> {
  const { calendar, connection, books, rollups } = from;
  const kept = await books.kept();
  const cut = { ...kept };
  for (const resolution of resolutions) {
    // Nothing is older than 1970.
    const day = calendar.dayOf(Math.max(before[resolution], 0)).from;
    if (day > Math.max(kept[resolution], 0)) cut[resolution] = day;
  }
  const end = `time < ${Math.max(cut.reading, 0)}ms`;
  const marked = await connection.ask(`SELECT "marked" FROM ${measurements.days} WHERE ${end}`);
  const days = marked.reduce((sum, { values }) => sum + values.length, 0);
  const moved = resolutions.some((resolution) => cut[resolution] > kept[resolution]);
  if (days === 0 && !moved) return 0;
  requireDeletion(connection);
  await rollups.completeBefore(cut.reading);
  // From here on the roll-ups answer for what goes.
  if (moved) await books.keep(cut);
  const run = (name: string, condition: string) =>
    connection.run(`DELETE FROM ${name} WHERE ${condition}`, deletionTimeoutMs);
  if (days > 0) for (const name of [...dated, measurements.late]) await run(name, end);
  if (cut.hour > kept.hour) await run(measurements.rollupHours, `time < ${cut.hour}ms`);
  if (cut.day > kept.day) await run(measurements.rollupDays, `time < ${cut.day}ms`);
  const gone = Math.min(cut.hour, cut.day);
  if (moved && gone > 0) await run(measurements.rolledDays, `time < ${gone}ms`);
  // Last, so that what a crash left is found again.
  if (days > 0) await run(measurements.days, end);
  return days;
}

/** Empties the store. */
export async function dropAll(connection: InfluxConnection): Promise<void> {
  requireDeletion(connection);
  // First what says that the rest is there.
  const { positions, admitted, rolledDays, kept, days, late, rollupHours, rollupDays } = measurements;
  for (const name of [positions, admitted, rolledDays, kept, rollupHours, rollupDays, late, ...dated, days]) {
    await connection.run(`DROP MEASUREMENT ${name}`, deletionTimeoutMs);
  }
}

function requireDeletion({ version }: InfluxConnection): void {
  if (version.major < 3) return;
  throw new Error(
    `InfluxDB ${version.text} deletes nothing by InfluxQL: give the database a retention period of TELEMETRY_RETENTION_DAYS, and drop and make it again to empty it.`,
  );
}
