import { Inject } from '@nestjs/common';
import type { Principal } from '#libs/access';
import { parseMessageId } from '#libs/contracts';
import { type KnownDevice, ProductCatalogue, VisibleDevices } from '#libs/devices';
import { CLOCK, type Clock, decodeCursor, toPage } from '#libs/runtime';
import {
  type Aggregation,
  type StoredReading,
  TELEMETRY_STORE,
  type TelemetryStore,
  type TimeRange,
  withoutSequence,
} from '#libs/telemetry-store';
import { durationMs } from './duration.js';
import { ReadingDays } from './reading-days.js';
import { propertyOf, readingView, rfc3339 } from './reading-views.js';
import type { LatestView, ReadingPage, ReadingsQuery, ReadingView, SeriesQuery, SeriesView } from './readings.dto.js';
import { cursorInvalid, rangeInvalid, stepInvalid } from './readings.errors.js';

const dayMs = 86_400_000;
/** A device's clock may be this much ahead and still be believed. */
const clockAheadMs = 300_000;
const maxBuckets = 10_000;
const defaultAggregations = { counter: 'increase', gauge: 'mean', state: 'last' } as const;

/** Questions about readings, answered for one principal. */
export class ReadingsService {
  constructor(
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(VisibleDevices) private readonly devices: VisibleDevices,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(ReadingDays) private readonly days: ReadingDays,
  ) {}

  /** The latest readings of each device. Throws 404 where one is not there. */
  async latest(principal: Principal, ids: readonly string[]): Promise<LatestView[]> {
    const devices = [...new Set(await Promise.all(ids.map((id) => this.devices.byId(principal, id))))];
    const latest = await this.store.latest(devices.map((device) => device.key));
    return devices.map((device) => ({
      deviceId: device.id,
      readings: (latest.get(device.key) ?? []).map((reading) => this.view(device, reading)).sort(byMetric),
    }));
  }

  /** A page of a device's readings, in order of event time. */
  async page(principal: Principal, id: string, query: ReadingsQuery): Promise<ReadingPage> {
    const device = await this.devices.byId(principal, id);
    const after = afterOf(query.cursor);
    const rows = await this.store.range({
      deviceKey: device.key,
      metrics: query.metric,
      range: rangeOf(query, this.clock.now()),
      limit: query.limit + 1,
      after,
    });
    const page = toPage(
      rows,
      query.limit,
      (row) => [row.observedAt, row.metric, row.seq ?? withoutSequence, row.messageId],
      (row) => this.view(device, row),
    );
    return { ...page, keptFrom: rfc3339(this.days.keptFrom()) };
  }

  /** A metric of a device in buckets that begin with the local day. */
  async series(principal: Principal, id: string, query: SeriesQuery): Promise<SeriesView> {
    const device = await this.devices.byId(principal, id);
    const property = propertyOf(this.catalogue, device, query.metric);
    const aggregation: Aggregation = query.aggregation ?? defaultAggregations[property?.kind ?? 'gauge'];
    const range = rangeOf(query, this.clock.now(), 0);
    const stepMs = durationMs(query.step);
    if (stepMs === undefined) throw stepInvalid('give an ISO 8601 duration (PT15M, PT1H, P1D, P1W) or whole seconds.');
    if ((range.to - range.from) / stepMs > maxBuckets) {
      throw stepInvalid(`the range has more than ${maxBuckets} steps: ask for larger steps or a shorter range.`);
    }
    const originMs = this.days.beginOf(range.from);
    const question = { deviceKeys: [device.key], metric: query.metric, range, stepMs, originMs, aggregation };
    const buckets = (await this.store.downsample(question)).get(device.key) ?? [];
    return {
      deviceId: device.id,
      metric: query.metric,
      name: property?.name ?? null,
      unit: aggregation === 'count' ? null : (property?.unit ?? null),
      aggregation,
      from: rfc3339(range.from),
      to: rfc3339(range.to),
      stepSeconds: stepMs / 1_000,
      buckets: buckets.map(({ at, value }) => ({ at: rfc3339(at), value })),
    };
  }

  private view(device: KnownDevice, reading: StoredReading): ReadingView {
    return readingView(reading, propertyOf(this.catalogue, device, reading.metric));
  }
}

/**
 * The range of a query. Where it does not say: up to a moment after `now`, for what arrives meanwhile and for devices
 * whose clock is ahead, and from a day before. Throws 400.
 */
export function rangeOf(query: { from?: string; to?: string }, now: number, aheadMs = clockAheadMs): TimeRange {
  const to = query.to === undefined ? now + aheadMs : Date.parse(query.to);
  const from = query.from === undefined ? Math.min(to, now) - dayMs : Date.parse(query.from);
  if (Number.isNaN(to) || Number.isNaN(from)) throw rangeInvalid('from, to: not a date of the calendar.');
  if (from > to) throw rangeInvalid('from: must not be after to.');
  return { from, to };
}

function afterOf(cursor: string | undefined): Parameters<TelemetryStore['range']>[0]['after'] {
  const [observedAt, metric, seq, messageId] = decodeCursor(cursor, 4) ?? [];
  if (cursor === undefined) return undefined;
  if (typeof observedAt !== 'number' || typeof metric !== 'string' || typeof seq !== 'number') throw cursorInvalid();
  if (typeof messageId !== 'string' || !parseMessageId(messageId)) throw cursorInvalid();
  return { observedAt, metric, seq, messageId };
}

function byMetric(a: ReadingView, b: ReadingView): number {
  return a.metric < b.metric ? -1 : 1;
}
