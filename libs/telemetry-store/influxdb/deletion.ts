import type { DayCalendar } from '../day-calendar.js';
import type { InfluxConnection } from './influx-connection.js';
import { measurements } from './schema.js';

/** Deleting looks at every series. */
const deletionTimeoutMs = 600_000;
const dated = [measurements.readings, measurements.overflow, measurements.frames];

/** Deletes whole local days before the one that `before` lies in; returns how many held something. */
export async function deleteDaysBefore(
  before: number,
  calendar: DayCalendar,
  connection: InfluxConnection,
): Promise<number> {
  const end = `time < ${calendar.dayOf(before).from}ms`;
  const marked = await connection.ask(`SELECT "marked" FROM ${measurements.days} WHERE ${end}`);
  const days = marked.reduce((sum, { values }) => sum + values.length, 0);
  if (days === 0) return 0;
  requireDeletion(connection);
  for (const name of dated) await connection.run(`DELETE FROM ${name} WHERE ${end}`, deletionTimeoutMs);
  // Last, so that what a crash left is found again.
  await connection.run(`DELETE FROM ${measurements.days} WHERE ${end}`, deletionTimeoutMs);
  return days;
}

/** Empties the store. */
export async function dropAll(connection: InfluxConnection): Promise<void> {
  requireDeletion(connection);
  // First what says that the rest is there.
  const books = [measurements.positions, measurements.admitted];
  for (const name of [...books, ...dated, measurements.days]) {
    await connection.run(`DROP MEASUREMENT ${name}`, deletionTimeoutMs);
  }
}

function requireDeletion({ version }: InfluxConnection): void {
  if (version.major < 3) return;
  throw new Error(
    `InfluxDB ${version.text} deletes nothing by InfluxQL: give the database a retention period of TELEMETRY_RETENTION_DAYS, and drop and make it again to empty it.`,
  );
}
