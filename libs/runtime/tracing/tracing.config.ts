import { z } from 'zod';
import { type ConfigOf, defineConfig, type Setting, setting } from '../config.js';

const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
    error: 'set it to an http:// or https:// URL',
  })
  .optional();

/** `name=value,name=value`, values percent-encoded (W3C Baggage), as a record. */
const pairs = z
  .string()
  .default('')
  .transform((text, context) => {
    const found: Record<string, string> = {};
    for (const pair of text.split(',').filter((one) => one.trim() !== '')) {
      const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
      const decoded = value === undefined ? undefined : decode(value);
      if (name !== undefined && decoded !== undefined) found[name] = decoded;
      else context.addIssue({ code: 'custom', message: 'set it to name=value,name=value with percent-encoded values' });
    }
    return found;
  });

const headers: Setting<Record<string, string>> = {
  env: 'OTEL_EXPORTER_OTLP_HEADERS',
  schema: pairs,
  doc: 'Headers of every export, such as a token: name=value,name=value, values percent-encoded.',
  secret: true,
};
const resourceAttributes: Setting<Record<string, string>> = {
  env: 'OTEL_RESOURCE_ATTRIBUTES',
  schema: pairs,
  doc: 'What else to say of this process in every span: name=value,name=value, such as deployment.environment.name=city-a.',
};

/**
 * OpenTelemetry by its standard variables (OpenTelemetry specification 1.x, Environment Variable Specification and OTLP
 * Exporter). Those that are not here have no effect; traces only, metrics are scraped.
 */
export const tracingConfig = defineConfig('tracing', {
  endpoint: {
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    schema: httpUrl,
    doc: 'Base URL of an OTLP/HTTP receiver, such as http://collector:4318; traces go to /v1/traces below it. Unset: nothing is traced.',
  },
  tracesEndpoint: {
    env: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    schema: httpUrl,
    doc: 'The whole URL that traces go to, instead of the one above.',
  },
  protocol: setting.choice(
    'OTEL_EXPORTER_OTLP_PROTOCOL',
    ['http/protobuf', 'http/json'],
    'http/protobuf',
    'How spans are sent: http/protobuf or http/json; gRPC is not spoken.',
  ),
  headers,
  timeoutMs: setting.integer(
    'OTEL_EXPORTER_OTLP_TIMEOUT',
    10_000,
    'Milliseconds that an export may take.',
    100,
    60_000,
  ),
  disabled: setting.flag('OTEL_SDK_DISABLED', false, 'true: nothing is traced, whatever the other settings say.'),
  serviceName: setting.optional('OTEL_SERVICE_NAME', 'service.name in every span; citysense-<process> unless set.'),
  resourceAttributes,
  sampler: setting.choice(
    'OTEL_TRACES_SAMPLER',
    [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    'parentbased_always_on',
    'Which traces are kept; parentbased: as whoever calls says, else as the rest of the name says.',
  ),
  samplerRatio: setting.number('OTEL_TRACES_SAMPLER_ARG', 1, 'The part of traces that traceidratio keeps.', 0, 1),
});
export type TracingConfig = ConfigOf<typeof tracingConfig>;

/** Where traces go; undefined where nothing is traced. */
export function tracesUrl({ endpoint, tracesEndpoint, disabled }: TracingConfig): string | undefined {
  if (disabled) return undefined;
  return tracesEndpoint ?? (endpoint === undefined ? undefined : `${endpoint.replace(/\/+$/, '')}/v1/traces`);
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
