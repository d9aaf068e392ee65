import { type ConfigDefinition, type ConfigOf, defineConfig, setting } from '../config.js';

export const httpConfig = defineConfig('http', {
  httpPort: setting.port('HTTP_PORT', 3000, 'TCP port of the REST API, the docs and the console.'),
  ratePerAddress: setting.integer(
    'HTTP_RATE_PER_ADDRESS',
    6_000,
    'Most requests per minute from one address; more are answered 429.',
    1,
  ),
  ratePerToken: setting.integer(
    'HTTP_RATE_PER_TOKEN',
    3_000,
    'Most requests per minute with one session token or API key; more are answered 429.',
    1,
  ),
  trustedProxies: setting.optional(
    'HTTP_TRUSTED_PROXIES',
    'Addresses or CIDR ranges, with commas, of proxies whose X-Forwarded-For names the client; default none.',
  ),
  httpHost: setting.text('HTTP_HOST', '0.0.0.0', 'Address the REST API listens on.'),
});
export type HttpConfig = ConfigOf<typeof httpConfig>;

/** Where a process without an API is watched. */
export interface OperationsConfig extends Record<string, unknown> {
  port: number;
  host: string;
}

/** The settings of that listener; each app has a default port of its own, so that all of them run on one machine. */
export function operationsConfig(portByDefault: number): ConfigDefinition<OperationsConfig> {
  return defineConfig<OperationsConfig>('operations', {
    port: setting.port(
      'OPERATIONS_PORT',
      portByDefault,
      'TCP port of /health/live, /health/ready and /metrics of this process; 0 lets the system choose.',
    ),
    host: setting.text('OPERATIONS_HOST', '0.0.0.0', 'Address on which health and metrics are served.'),
  });
}
