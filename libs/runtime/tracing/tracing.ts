import { AsyncLocalStorage } from 'node:async_hooks';
import { sleep, systemClock } from '../clock.js';
import { failureText } from '../failed-query.js';
import { type Lifecycle, startOrder } from '../lifecycle.js';
import type { Logger } from '../logger.js';
import type { Metrics } from '../metrics.js';
import type { OtlpTracer } from './otlp-tracer.js';
import type { RunningSpan, SpanFacts } from './span.js';
import type { SpanReference } from './span-reference.js';
import { type TracingConfig, tracesUrl } from './tracing.config.js';

/** Injection token of the process's tracing. */
export const TRACING = Symbol('tracing');

const longestFlushMs = 5_000;

/**
 * Spans for whoever looks into the platform from outside, by OpenTelemetry. Off unless an OTLP receiver is configured:
 * then nothing of it is loaded, and `begin` gives undefined. Spans are for batches, requests, alarms and deliveries, never
 * for messages of the bulk lane. A receiver that is away costs spans, counted, and nothing else.
 */
export class Tracing {
  private readonly current = new AsyncLocalStorage<SpanReference>();
  private tracer: OtlpTracer | undefined;

  private constructor(readonly configured: boolean) {}

  /** Traces nothing, ever. */
  static off(): Tracing {
    return new Tracing(false);
  }

  /** Traces while the process runs, where it is configured. */
  static of(
    app: string,
    config: TracingConfig,
    { logger, metrics, lifecycle }: { logger: Logger; metrics: Metrics; lifecycle: Lifecycle },
  ): Tracing {
    const url = tracesUrl(config);
    const tracing = new Tracing(url !== undefined);
    if (url === undefined) return tracing;
    const spans = metrics.counter(
      'tracing_spans_total',
      'Spans ended, and of these exported or failed to be; the rest waits, or was dropped because too many did.',
      ['outcome'] as const,
    );
    lifecycle.add({
      name: 'tracing',
      order: startOrder.http,
      start: async () => {
        const { OtlpTracer } = await import('./otlp-tracer.js');
        const count = (outcome: string, number: number) => spans.inc({ outcome }, number);
        const serviceName = config.serviceName ?? `citysense-${app}`;
        tracing.tracer = new OtlpTracer({ url, config, serviceName, logger, count });
        logger.info({ url: url.replace(/\/\/[^/@]*@/, '//***@') }, 'spans are exported');
      },
      stop: () => tracing.stop(),
    });
    return tracing;
  }

  /** Begins a span; undefined where nothing is traced. */
  begin(name: string, facts: SpanFacts = {}): RunningSpan | undefined {
    return this.tracer?.begin(name, facts);
  }

  /** Runs work within a span: what it awaits knows it as the current one. Ends it not. */
  within<T>(span: RunningSpan, work: () => T): T {
    return this.current.run(span.reference, work);
  }

  /** Runs work within a span of its own, which fails where the work throws. */
  async around<T>(span: RunningSpan | undefined, work: () => Promise<T>): Promise<T> {
    if (!span) return await work();
    try {
      return await this.within(span, work);
    } catch (error) {
      span.fail(failureText(error));
      throw error;
    } finally {
      span.end();
    }
  }

  /** The span that this runs within. */
  running(): SpanReference | undefined {
    return this.tracer && this.current.getStore();
  }

  /** Whether a trace that begins here is kept. */
  keeps(traceId: string): boolean {
    return this.tracer?.keeps(traceId) ?? false;
  }

  private async stop(): Promise<void> {
    const { tracer } = this;
    this.tracer = undefined;
    await Promise.race([tracer?.shutdown(), sleep(systemClock, longestFlushMs)]);
  }
}
