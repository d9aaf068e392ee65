import { Inject } from '@nestjs/common';
import { streams } from '#libs/contracts';
import { DeviceDirectory } from '#libs/devices';
import {
  CLOCK,
  type Clock,
  LIFECYCLE,
  type Lifecycle,
  LOGGER,
  type Logger,
  Loop,
  METRICS,
  type Metrics,
  startOrder,
} from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { type OverviewConfig, overviewConfig } from '../overview.config.js';
import { fleetLoading } from '../overview.errors.js';
import { ChangeLog } from './change-log.js';
import { type ChangeMark, type ChangeSource, FleetRepository } from './fleet.repository.js';
import { FleetTable } from './fleet-table.js';

/** How many changes somebody may have missed and still be told them alone. */
const rememberedChanges = 1 << 17;
const alertsPerPage = 1_000;

/**
 * The fleet in memory, for the overview and the map: read once, beside the start, then kept up with what changes in the
 * registry, whichever process wrote it. Nobody's question reads the registry.
 */
export class Fleet {
  readonly log = new ChangeLog(rememberedChanges);
  readonly table = new FleetTable(this.log);
  private readonly loop: Loop;
  private horizon = '0';
  private sequence = 0;
  private loaded = false;
  private nextPollAt = 0;
  private untail: () => void = () => {};

  constructor(
    @Inject(overviewConfig.KEY) private readonly config: OverviewConfig,
    @Inject(FleetRepository) private readonly repository: FleetRepository,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(METRICS) metrics: Metrics,
  ) {
    const devices = metrics.gauge('overview_devices', 'Devices that the overview and the map know of.');
    metrics.beforeReading(async () => devices.set(this.table.size));
    this.loop = new Loop({ name: 'fleet', clock, logger, pollMs: config.pollMs, turn: () => this.turn() });
    lifecycle.add({
      name: 'fleet',
      order: startOrder.api,
      start: async () => {
        this.untail = this.stream.tail(streams.notifications, () => this.loop.wake());
        this.loop.start();
      },
      stop: async () => {
        this.untail();
        await this.loop.stop();
      },
    });
  }

  /** Throws 503 while not every device has been read. */
  requireLoaded(): void {
    if (!this.loaded) throw fleetLoading(this.table.size);
  }

  private async turn(): Promise<boolean> {
    if (!this.loaded) {
      await this.load();
      this.loaded = true;
    }
    const more = await this.followAlerts();
    if (this.clock.now() >= this.nextPollAt) {
      await this.followDevices();
      this.nextPollAt = this.clock.now() + this.config.pollMs;
    }
    return more;
  }

  private async load(): Promise<void> {
    this.horizon = await this.repository.horizon();
    this.sequence = await this.repository.lastNotification();
    const { pageRows } = this.config;
    for (let after: string | undefined; ; ) {
      const rows = await this.repository.devicePage(after, pageRows);
      for (const row of rows) this.put(row);
      after = rows.at(-1)?.key;
      if (rows.length < pageRows) break;
    }
    for (let after: string | undefined; ; ) {
      const alerts = await this.repository.openAlerts(after, alertsPerPage);
      for (const alert of alerts) this.table.putAlert(alert);
      after = alerts.at(-1)?.key;
      if (alerts.length < alertsPerPage) break;
    }
  }

  private async followAlerts(): Promise<boolean> {
    const { alerts, upTo, more } = await this.repository.alertsAfter(this.sequence, alertsPerPage);
    for (const alert of alerts) this.table.putAlert(alert);
    this.sequence = upTo;
    return more;
  }

  private async followDevices(): Promise<void> {
    const since = this.horizon;
    const { horizon, sources } = await this.repository.changedSince(since);
    for (const source of sources) await this.takeChanges(source, since);
    this.horizon = horizon;
  }

  private async takeChanges(of: ChangeSource, since: string): Promise<void> {
    const { pageRows } = this.config;
    for (let after: ChangeMark | undefined; ; ) {
      const marks: ChangeMark[] = await this.repository.changeMarks(of, since, after, pageRows);
      const rows = marks.length === 0 ? [] : await this.repository.devicesByKeys(marks.map(({ key }) => key));
      for (const row of rows) this.put(row);
      after = marks.at(-1);
      if (marks.length < pageRows) return;
    }
  }

  private put(row: Parameters<FleetTable['putDevice']>[0]): void {
    // One copy of the long texts for the whole process.
    const known = this.directory.byKey(row.key);
    this.table.putDevice(known ? { ...row, key: known.key, id: known.id === row.id ? known.id : row.id } : row);
  }
}
