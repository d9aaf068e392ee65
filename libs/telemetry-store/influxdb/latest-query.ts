import { LRUCache } from 'lru-cache';
import type { Clock } from '#libs/runtime';
import type { StoredReading } from '../telemetry-store.port.js';
import { anyOf, devicesPerStatement, slices } from './conditions.js';
import type { InfluxConnection } from './influx-connection.js';
import { isLater, overflowColumns, overflowReadings, storedReadings } from './reading-rows.js';
import { measurements } from './schema.js';
import { tagText, textOfTag } from './tag-text.js';

const dayMs = 86_400_000;
/** How far back is looked, one after the other, for series that have not been found yet; then everywhere. */
const lookBackMs = [8 * dayMs, 40 * dayMs, 200 * dayMs];
/** How long the series of a device are remembered: a device's first reading ever that is older than 8 days waits for this. */
const seriesRememberedMs = 60_000;
const rememberedDevices = 20_000;
/** Of a device's shared series so many reports are looked through. */
const sharedReports = 100;

/**
 * Finds the latest reading of each metric. Asking for the last point of a series costs InfluxDB a look into every shard
 * there is, so the last days are asked first, and the past only of series that were not found there.
 */
export class LatestQuery {
  /** Per device its series, each as `kind metric revision` in tag form. */
  private readonly seriesOf: LRUCache<string, readonly string[]>;
  private sharingDevices: Promise<ReadonlySet<string> | undefined> | undefined;
  private sharingLearnedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly connection: InfluxConnection,
    private readonly clock: Clock,
  ) {
    this.seriesOf = new LRUCache({
      max: rememberedDevices,
      ttl: seriesRememberedMs,
      perf: { now: () => clock.now() },
    });
  }

  /** Latest by (observedAt, seq, revision); devices without any reading are absent. */
  async latest(deviceKeys: readonly string[]): Promise<Map<string, StoredReading[]>> {
    const found = new Map<string, Map<string, StoredReading>>();
    await Promise.all(
      slices([...new Set(deviceKeys)], devicesPerStatement).map(async (devices) => {
        await this.addOwn(devices, found);
        await this.addShared(devices, found);
      }),
    );
    return new Map([...found].map(([device, metrics]) => [device, [...metrics.values()]]));
  }

  clear(): void {
    this.seriesOf.clear();
    this.sharingDevices = undefined;
  }

  private async addOwn(devices: readonly string[], found: Map<string, Map<string, StoredReading>>): Promise<void> {
    // Servers that do not list series look everywhere at once.
    if (this.connection.version.major >= 3) return void (await this.addLast(devices, undefined, found));
    const [seen] = await Promise.all([
      this.addLast(devices, this.clock.now() - (lookBackMs[0] ?? 0), found),
      this.learnSeries(devices),
    ]);
    for (const backMs of [...lookBackMs.slice(1), undefined]) {
      const missing = devices.filter((device) =>
        this.seriesOf.get(device)?.some((one) => !seen.has(`${device} ${one}`)),
      );
      if (missing.length === 0) return;
      const since = backMs === undefined ? undefined : this.clock.now() - backMs;
      for (const one of await this.addLast(missing, since, found)) seen.add(one);
    }
  }

  /** Adds the last reading of each series since a time; gives the series that it found. */
  private async addLast(
    devices: readonly string[],
    since: number | undefined,
    found: Map<string, Map<string, StoredReading>>,
  ): Promise<Set<string>> {
    const seen = new Set<string>();
    const where = `${since === undefined ? '' : `time >= ${since}ms AND `}${anyOf('device', devices)}`;
    const statement = `SELECT last("about") AS "about", "value", "text" FROM ${measurements.readings} WHERE ${where} GROUP BY "device", "kind", "metric", "revision"`;
    for (const series of await this.connection.ask(statement)) {
      for (const reading of storedReadings(series)) {
        const { kind, metric, revision } = series.tags ?? {};
        seen.add(`${reading.deviceKey} ${kind} ${metric} ${revision}`);
        offer(reading, found);
      }
    }
    return seen;
  }

  private async learnSeries(devices: readonly string[]): Promise<void> {
    const unknown = devices.filter((device) => !this.seriesOf.has(device));
    if (unknown.length === 0) return;
    const series = new Map<string, string[]>(unknown.map((device) => [tagText(device), []]));
    const statement = `SHOW SERIES FROM ${measurements.readings} WHERE ${anyOf('device', unknown)}`;
    for (const { values } of await this.connection.ask(statement)) {
      for (const [key] of values) {
        // readings,device=d,kind=number,metric=level,revision=0: nothing in a tag of ours needs escaping.
        const [, device = '', ...rest] = String(key)
          .split(',')
          .map((part) => part.slice(part.indexOf('=') + 1));
        series.get(device)?.push(rest.join(' '));
      }
    }
    for (const [device, names] of series) this.seriesOf.set(textOfTag(device), names);
  }

  private async addShared(devices: readonly string[], found: Map<string, Map<string, StoredReading>>): Promise<void> {
    const since = `time >= ${this.clock.now() - (lookBackMs[0] ?? 0)}ms AND `;
    const [recent, known] = await Promise.all([this.sharing(devices, since), this.knownSharing()]);
    const sharing = known ? new Set([...recent, ...devices.filter((device) => known.has(device))]) : undefined;
    for (const device of sharing ?? (await this.sharing(devices, ''))) {
      const where = `${anyOf('device', [device])} ORDER BY time DESC LIMIT ${sharedReports}`;
      const series = await this.connection.ask(
        `SELECT ${overflowColumns} FROM ${measurements.overflow} WHERE ${where}`,
      );
      for (const one of series) for (const reading of overflowReadings(one)) offer(reading, found);
    }
  }

  /** Which of the devices have a shared series; `since` is a condition to go before the others, or ''. */
  private async sharing(devices: readonly string[], since: string): Promise<string[]> {
    const where = `${since}${anyOf('device', devices)}`;
    const statement = `SELECT last("about") FROM ${measurements.overflow} WHERE ${where} GROUP BY "device"`;
    return (await this.connection.ask(statement)).map(({ tags }) => textOfTag(tags?.device ?? ''));
  }

  /** All devices that have a shared series, remembered for a minute; undefined where they are too many for that. */
  private knownSharing(): Promise<ReadonlySet<string> | undefined> {
    const now = this.clock.now();
    if (now - this.sharingLearnedAt >= seriesRememberedMs || !this.sharingDevices) {
      this.sharingLearnedAt = now;
      this.sharingDevices = this.learnSharing();
      // What failed is asked again; who waits for it hears of it.
      this.sharingDevices.catch(() => {
        this.sharingDevices = undefined;
      });
    }
    return this.sharingDevices;
  }

  private async learnSharing(): Promise<ReadonlySet<string> | undefined> {
    const statement = `SHOW TAG VALUES FROM ${measurements.overflow} WITH KEY = "device" LIMIT ${rememberedDevices + 1}`;
    const devices = new Set<string>();
    for (const { values } of await this.connection.ask(statement)) {
      for (const [, device] of values) devices.add(textOfTag(String(device)));
    }
    return devices.size > rememberedDevices ? undefined : devices;
  }
}

function offer(reading: StoredReading, found: Map<string, Map<string, StoredReading>>): void {
  const own = found.get(reading.deviceKey) ?? new Map<string, StoredReading>();
  found.set(reading.deviceKey, own);
  const known = own.get(reading.metric);
  if (!known || isLater(reading, known)) own.set(reading.metric, reading);
}
