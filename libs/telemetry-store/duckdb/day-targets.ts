import type { DuckDBConnection } from '@duckdb/node-api';
import type { Day } from '../day-calendar.js';
import { late, type Part, type Parts } from './parts.js';
import type { PartKind } from './schema.js';
import type { DecodedBatch } from './store-protocol.js';

/** A day opens a part of its own for fewer rows only while it is near now. */
const bulkRows = 256;
/** Most parts of one kind open at a time; rows of further days go to the late part. */
const maxOpenParts = 16;
const nearMs = 86_400_000;
/** 1970 to 2200: days are told apart here only; other times are late data. */
const calendarRange = { from: 0, to: 7_258_118_400_000 };

/**
 * Decides which part takes a row. A near day, or one that brings many rows (a rebuild), has a part of its own; closed days
 * and stray ones share the late part, so that a commit touches few tables whatever times devices send.
 */
export class DayTargets {
  private readonly chosen: Record<PartKind, Map<string, Part>> = { readings: new Map(), frames: new Map() };
  private readonly lateParts: Partial<Record<PartKind, Part>> = {};
  private readonly lastDay: Partial<Record<PartKind, { day: Day; part: Part }>> = {};

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly parts: Parts,
  ) {}

  /** Chooses, and creates where needed, the parts for every row of `batches`. */
  async choose(batches: readonly DecodedBatch[], now: number): Promise<void> {
    const counts: Record<PartKind, Map<string, { day: Day; rows: number }>> = {
      readings: new Map(),
      frames: new Map(),
    };
    for (const batch of batches) {
      for (const message of batch.messages) {
        this.count(counts.frames, message.receivedAt, 1);
        for (const report of message.reports) this.count(counts.readings, report.observedAt, report.readings.length);
      }
    }
    await this.chooseFor('readings', counts.readings, now);
    await this.chooseFor('frames', counts.frames, now);
  }

  /** The part for a row of that time; `choose` has seen the row. */
  partFor(kind: PartKind, at: number): Part {
    const last = this.lastDay[kind];
    if (last && at >= last.day.from && at < last.day.to) return last.part;
    const day = inCalendar(at) ? this.parts.dayOf(at) : undefined;
    const part = day && this.chosen[kind].get(day.name);
    if (day && part) {
      this.lastDay[kind] = { day, part };
      return part;
    }
    const latePart = this.lateParts[kind];
    if (!latePart) throw new Error(`no part was chosen for a row of ${kind} at ${at}`);
    latePart.from = Math.min(latePart.from, at);
    latePart.to = Math.max(latePart.to, at + 1);
    return latePart;
  }

  private count(counts: Map<string, { day: Day; rows: number }>, at: number, rows: number): void {
    if (!inCalendar(at)) {
      counts.set(late, { day: { name: late, from: 0, to: 0 }, rows: 1 });
      return;
    }
    const day = this.parts.dayOf(at);
    const known = counts.get(day.name);
    if (known) known.rows += rows;
    else counts.set(day.name, { day, rows });
  }

  private async chooseFor(kind: PartKind, counts: Map<string, { day: Day; rows: number }>, now: number): Promise<void> {
    const chosen = this.chosen[kind];
    chosen.clear();
    this.lastDay[kind] = undefined;
    let open = this.parts.all().filter((p) => p.kind === kind && p.state === 'open').length;
    let needsLate = false;
    for (const { day, rows } of [...counts.values()].sort((a, b) => b.rows - a.rows)) {
      let part = day.name === late ? undefined : this.parts.open(kind, day.name);
      if (!part && day.name !== late && open < maxOpenParts && this.mayOpen(kind, day, rows, now)) {
        part = await this.parts.create(this.connection, kind, day);
        open += 1;
      }
      if (part) {
        part.touchedAt = now;
        chosen.set(day.name, part);
      } else needsLate = true;
    }
    this.lateParts[kind] = needsLate
      ? (this.parts.open(kind, late) ?? (await this.parts.create(this.connection, kind, undefined)))
      : undefined;
  }

  private mayOpen(kind: PartKind, day: Day, rows: number, now: number): boolean {
    const near = day.from < now + nearMs && day.to > now - nearMs;
    return near || (rows >= bulkRows && !this.parts.isClosed(kind, day.name));
  }
}

/** Whether a time is one that days are told apart for. */
export function inCalendar(at: number): boolean {
  return at >= calendarRange.from && at < calendarRange.to;
}
