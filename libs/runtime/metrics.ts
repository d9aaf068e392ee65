import { AggregatorRegistry, Counter, Gauge, Histogram, type MetricObject, Registry } from 'prom-client';

/** Injection token of the process's metrics. */
export const METRICS = Symbol('metrics');

/**
 * Prometheus metrics of one process or thread. Names are snake_case with the module first: `rules_transitions_total`.
 * A module declares its metrics once, where it is constructed; declaring a name again gives the same metric.
 */
export class Metrics {
  readonly registry = new Registry();
  private readonly sources: (() => Promise<MetricObject[]>)[] = [];
  private readonly updates: (() => Promise<void>)[] = [];

  counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    const known = this.registry.getSingleMetric(name) as Counter<L> | undefined;
    return known ?? new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  gauge<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    const known = this.registry.getSingleMetric(name) as Gauge<L> | undefined;
    return known ?? new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  /** Buckets in seconds unless given. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    buckets: number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
  ): Histogram<L> {
    const known = this.registry.getSingleMetric(name) as Histogram<L> | undefined;
    return known ?? new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }

  /** Adds metrics kept elsewhere (another thread) to what `render` shows. */
  addSource(source: () => Promise<MetricObject[]>): void {
    this.sources.push(source);
  }

  /** Calls `update` before the metrics are read, for gauges that are asked for and not kept. It handles its failures. */
  beforeReading(update: () => Promise<void>): void {
    this.updates.push(update);
  }

  /** This process's or thread's own metrics as plain objects. */
  async own(): Promise<MetricObject[]> {
    await Promise.all(this.updates.map((update) => update()));
    return (await this.registry.getMetricsAsJSON()) as unknown as MetricObject[];
  }

  /** Everything in the Prometheus text format; same-named metrics of several threads are summed. */
  async render(): Promise<string> {
    const others = await Promise.all(this.sources.map((source) => source()));
    return AggregatorRegistry.aggregate([await this.own(), ...others] as never).metrics();
  }
}
