import type { Metrics } from '#libs/runtime';
import type { InfluxConnection } from './influx-connection.js';
import { measurements, nanoseconds } from './schema.js';
import { tagText, textOfTag } from './tag-text.js';

/** How many metrics that no thing model describes get series of their own. */
export interface AdmissionLimits {
  unmodelledPerDevice: number;
  unmodelledInAll: number;
}

/**
 * Says which metrics of devices' own naming get series: InfluxDB keeps every series in its index, so their number is bounded
 * per device and in all. What was admitted is kept in InfluxDB, where other processes and the next start find it.
 */
export class SeriesAdmission {
  private readonly admitted = new Map<string, Set<string>>();
  private readonly unsaved = new Map<string, { deviceKey: string; metric: string }>();
  private readonly gauge;
  private count = 0;

  constructor(
    private readonly connection: InfluxConnection,
    private readonly limits: AdmissionLimits,
    metrics: Metrics,
  ) {
    this.gauge = metrics.gauge(
      'telemetry_store_unmodelled_series',
      'Metrics of devices that no thing model describes and that have series of their own.',
    );
  }

  /** Learns what was admitted, here and elsewhere. */
  async load(): Promise<void> {
    const statement = `SELECT "at" FROM ${measurements.admitted} GROUP BY "device", "metric"`;
    for (const { tags } of await this.connection.ask(statement)) {
      if (tags) this.remember(textOfTag(tags.device ?? ''), textOfTag(tags.metric ?? ''));
    }
  }

  /** Whether the metric has, or now gets, series of its own. */
  admit(deviceKey: string, metric: string): boolean {
    const own = this.admitted.get(deviceKey);
    if (own?.has(metric)) return true;
    if ((own?.size ?? 0) >= this.limits.unmodelledPerDevice || this.count >= this.limits.unmodelledInAll) return false;
    this.remember(deviceKey, metric);
    this.unsaved.set(JSON.stringify([deviceKey, metric]), { deviceKey, metric });
    return true;
  }

  /** What was admitted and is not kept yet, as lines; `saved` says that they are. */
  pending(now: number): { lines: { line: string }[]; saved: () => void } {
    const keys = [...this.unsaved.keys()];
    const lines = [...this.unsaved.values()].map(({ deviceKey, metric }) => ({
      line: `${measurements.admitted},device=${tagText(deviceKey)},metric=${tagText(metric)} at=${now} ${nanoseconds(0)}`,
    }));
    return {
      lines,
      saved: () => {
        for (const key of keys) this.unsaved.delete(key);
      },
    };
  }

  clear(): void {
    this.admitted.clear();
    this.unsaved.clear();
    this.count = 0;
  }

  private remember(deviceKey: string, metric: string): void {
    const own = this.admitted.get(deviceKey) ?? new Set();
    if (own.has(metric)) return;
    this.admitted.set(deviceKey, own.add(metric));
    this.count += 1;
    this.gauge.set(this.count);
  }
}
