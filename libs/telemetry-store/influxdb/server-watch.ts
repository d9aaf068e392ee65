import type { Clock, Logger, Metrics } from '#libs/runtime';
import type { InfluxConnection } from './influx-connection.js';

const askAgainMs = 60_000;
const askTimeoutMs = 1_000;

/** Looks after what the store cannot do anything about itself: the server's settings, and the number of series it keeps. */
export class ServerWatch {
  private readonly series;
  private askedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly connection: InfluxConnection,
    private readonly clock: Clock,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.series = metrics.gauge(
      'telemetry_store_series',
      'Series of the database, as InfluxDB 1.x and 2.x estimate them; the whole database in every process.',
    );
    metrics.beforeReading(() => this.countSeries());
  }

  /** Warns of settings by which InfluxDB loses what it has acknowledged. Says nothing where the user may not see them. */
  async checkSettings(): Promise<void> {
    if (this.connection.version.major !== 1) return;
    const found = await this.connection.ask("SHOW DIAGNOSTICS FOR 'config-data'").catch(() => []);
    const delay = found[0]?.values[0]?.[found[0].columns.indexOf('wal-fsync-delay')];
    if (delay === undefined || delay === '0s') return;
    this.logger.warn(
      { walFsyncDelay: delay },
      'InfluxDB acknowledges writes before they are on disk, and loses them where it is killed: set wal-fsync-delay to "0s"',
    );
  }

  private async countSeries(): Promise<void> {
    const now = this.clock.now();
    const { major } = this.connection.version;
    if (major === 0 || major > 2 || now - this.askedAt < askAgainMs) return;
    this.askedAt = now;
    try {
      const count = await this.connection.seriesCount(askTimeoutMs);
      if (count !== undefined) this.series.set(count);
    } catch {
      // A server that is away is told of by the store's health; the gauge keeps what it showed.
    }
  }
}
