import { DiagLogLevel, diag, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from '../logger.js';
import type { RunningSpan, SpanFacts } from './span.js';
import type { SpanReference } from './span-reference.js';
import type { TracingConfig } from './tracing.config.js';

/** Spans that wait to be sent; beyond it they are dropped. */
const maxQueued = 4_096;
const maxPerExport = 512;
const exportEveryMs = 2_000;

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
} as const;

/** What becomes of spans, for the metrics. */
export type SpanOutcome = 'ended' | 'exported' | 'failed';

export interface OtlpTracerOptions {
  url: string;
  config: TracingConfig;
  serviceName: string;
  logger: Logger;
  count: (outcome: SpanOutcome, spans: number) => void;
}

/** Makes spans and sends them to an OTLP/HTTP receiver in the background. The only file that knows OpenTelemetry. */
export class OtlpTracer {
  private readonly ids = new ChosenIds();
  private readonly sampler: Sampler;
  private readonly provider: TracerProvider;
  private readonly tracer;

  constructor(private readonly options: OtlpTracerOptions) {
    const { config, serviceName, logger } = options;
    const log = (message: string, ...more: unknown[]) => logger.warn({ detail: more }, `tracing: ${message}`);
    const quiet = () => {};
    diag.setLogger(
      { error: log, warn: log, info: quiet, debug: quiet, verbose: quiet },
      { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
    );
    this.sampler = samplerOf(config);
    this.provider = new TracerProvider({
      sampler: this.sampler,
      idGenerator: this.ids,
      resource: resourceFromAttributes({
        'service.namespace': 'citysense',
        ...config.resourceAttributes,
        'service.name': serviceName,
      }),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: this.exporter(),
          maxQueueSize: maxQueued,
          maxExportBatchSize: maxPerExport,
          scheduledDelayMillis: exportEveryMs,
          exportTimeoutMillis: config.timeoutMs,
        }),
      ],
    });
    this.tracer = this.provider.getTracer('citysense');
  }

  begin(name: string, facts: SpanFacts): RunningSpan {
    const { kind = 'internal', parent, links = [], attributes, startedAt, identity } = facts;
    const context = parent ? trace.setSpanContext(ROOT_CONTEXT, contextOf(parent)) : ROOT_CONTEXT;
    const options = {
      kind: kinds[kind],
      attributes,
      // Not as a number: one from before the process began would be taken for a time since then.
      startTime: startedAt === undefined ? undefined : new Date(startedAt),
      links: links.map((link) => ({ context: contextOf(link) })),
    };
    const span = this.ids.choosing(identity, () => this.tracer.startSpan(name, options, context));
    const { traceId, spanId, traceFlags } = span.spanContext();
    const { count } = this.options;
    return {
      reference: { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
      set: (more) => void span.setAttributes(more),
      fail: (message) => void span.setStatus({ code: SpanStatusCode.ERROR, message }),
      end: () => {
        if (span.isRecording()) count('ended', 1);
        span.end();
      },
    };
  }

  /** Whether the sampler keeps a trace that begins here. */
  keeps(traceId: string): boolean {
    const { decision } = this.sampler.shouldSample(ROOT_CONTEXT, traceId, '', SpanKind.INTERNAL, {}, []);
    return decision === SamplingDecision.RECORD_AND_SAMPLED;
  }

  /** Sends what waits, as far as the receiver takes it. */
  async shutdown(): Promise<void> {
    await this.provider.shutdown();
    diag.disable();
  }

  private exporter(): SpanExporter {
    const { url, config, count } = this.options;
    const { protocol, headers, timeoutMs: timeoutMillis } = config;
    const exporter =
      protocol === 'http/json'
        ? new JsonExporter({ url, headers, timeoutMillis })
        : new ProtobufExporter({ url, headers, timeoutMillis });
    return {
      export: (spans: ReadableSpan[], done: (result: ExportResult) => void) =>
        exporter.export(spans, (result) => {
          count(result.code === ExportResultCode.SUCCESS ? 'exported' : 'failed', spans.length);
          done(result);
        }),
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush(),
    };
  }
}

/** Random ids, but for the one span that is made while others are chosen. */
class ChosenIds implements IdGenerator {
  private readonly random = new RandomIdGenerator();
  private chosen: SpanFacts['identity'];

  choosing<T>(identity: SpanFacts['identity'], make: () => T): T {
    this.chosen = identity;
    try {
      return make();
    } finally {
      this.chosen = undefined;
    }
  }

  generateTraceId = (): string => this.chosen?.traceId ?? this.random.generateTraceId();
  generateSpanId = (): string => this.chosen?.spanId ?? this.random.generateSpanId();
}

function contextOf({ traceId, spanId, sampled }: SpanReference) {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

function samplerOf({ sampler, samplerRatio }: TracingConfig): Sampler {
  const root = sampler.endsWith('always_off')
    ? new AlwaysOffSampler()
    : sampler.endsWith('traceidratio')
      ? new TraceIdRatioBasedSampler(samplerRatio)
      : new AlwaysOnSampler();
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}
