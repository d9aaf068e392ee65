import { hostname } from 'node:os';
import { z } from 'zod';
import { type ConfigOf, defineConfig, type Setting, setting } from '#libs/runtime';
import { deviceFilters, filterProblem } from './cluster-topics.js';

const sessionSeconds = 604_800;
const longestClientId = 60;

export const bridgeConfig = defineConfig('mqtt-bridge', {
  urls: clusterUrls(
    'BRIDGE_URL',
    'Nodes of the MQTT cluster, comma-separated: mqtt://host:1883 or mqtts://host:8883. For GATEWAY_MQTT=bridge.',
  ),
  protocol: setting.choice('BRIDGE_PROTOCOL', ['5', '3.1.1'], '5', 'MQTT version spoken with the cluster.'),
  username: setting.optional('BRIDGE_USERNAME', 'User name at the cluster.'),
  password: setting.secret('BRIDGE_PASSWORD', 'Password at the cluster.'),
  tlsCa: setting.optional('BRIDGE_TLS_CA', "File with the authorities (PEM) of the cluster's certificate."),
  tlsCert: setting.optional('BRIDGE_TLS_CERT', 'File with the certificate chain (PEM) shown to the cluster.'),
  tlsKey: setting.optional('BRIDGE_TLS_KEY', 'File with the private key (PEM) of BRIDGE_TLS_CERT.'),
  clientId: text(
    'BRIDGE_CLIENT_ID',
    `citysense-${hostname()}`.slice(0, longestClientId),
    /^[A-Za-z0-9._-]{1,60}$/,
    'Client ids at the cluster begin with it. The same at every start of a gateway, another one for every gateway: what the cluster keeps for us is kept under it.',
  ),
  connections: setting.integer(
    'BRIDGE_CONNECTIONS',
    64,
    'Connections to the cluster; each holds one message at a time until it is durable.',
    1,
    1_024,
  ),
  shared: setting.flag(
    'BRIDGE_SHARED',
    true,
    'Whether to subscribe as a group ($share); without it, one connection of one gateway takes all of BRIDGE_TOPICS.',
  ),
  group: text('BRIDGE_GROUP', 'citysense', /^[^/+#\s]{1,64}$/, 'The group of the shared subscription.'),
  topicPrefix: text(
    'BRIDGE_TOPIC_PREFIX',
    '',
    /^(?:[^/+#$\s][^/+#\s]*\/)+$|^$/,
    "What stands before devices/... in the cluster's topics, with its last slash: city/north/.",
  ),
  topics: topicFilters(
    'BRIDGE_TOPICS',
    'Topic filters after the prefix, comma-separated, that have no topic in common.',
  ),
  sessionSeconds: setting.integer(
    'BRIDGE_SESSION_EXPIRY_SECONDS',
    sessionSeconds,
    'How long the cluster keeps messages for us while we are away (MQTT 5; with 3.1.1 the cluster decides).',
    60,
    4_294_967_295,
  ),
  receiveMaximum: setting.integer(
    'BRIDGE_RECEIVE_MAXIMUM',
    32,
    'Unacknowledged messages that the cluster may have on the way on one connection (MQTT 5; with 3.1.1 the cluster decides).',
    1,
    65_535,
  ),
  keepAliveSeconds: setting.integer('BRIDGE_KEEP_ALIVE_SECONDS', 60, 'Keep-alive of the connections.', 5, 3_600),
  connectTimeoutMs: setting.integer(
    'BRIDGE_CONNECT_TIMEOUT_MS',
    10_000,
    'How long the cluster may take to answer a CONNECT.',
    100,
    600_000,
  ),
  longestBackOffMs: setting.integer(
    'BRIDGE_LONGEST_BACK_OFF_MS',
    15_000,
    'Longest rest before the next try to connect.',
    500,
    600_000,
  ),
  refusalsPerMinute: setting.integer(
    'BRIDGE_REFUSALS_PER_MINUTE',
    6_000,
    'Refused messages a minute that are kept as dead letters; further ones are only counted.',
    0,
  ),
  leaveOnStop: setting.flag(
    'BRIDGE_LEAVE_ON_STOP',
    false,
    'For a gateway that goes for good, or gets other topics: at its stop it unsubscribes, takes what is kept for it, and ends its sessions.',
  ),
});
export type BridgeConfig = ConfigOf<typeof bridgeConfig>;

function text(env: string, byDefault: string, pattern: RegExp, doc: string): Setting<string> {
  return { env, doc, schema: z.string().regex(pattern, `it must match ${pattern}`).default(byDefault) };
}

function clusterUrls(env: string, doc: string): Setting<readonly URL[]> {
  const one = z.string().transform((given, context) => {
    const url = URL.canParse(given) ? new URL(given) : undefined;
    const fits = url && /^mqtts?:$/.test(url.protocol) && url.hostname && /^\/?$/.test(url.pathname) && !url.search;
    if (!fits) context.addIssue('write mqtt://host:port or mqtts://host:port');
    else if (url.username || url.password) context.addIssue('name the user in BRIDGE_USERNAME and BRIDGE_PASSWORD');
    return url as URL;
  });
  const list = z
    .string()
    .default('')
    .transform((given) => given.split(',').filter((url) => url.trim() !== ''))
    .pipe(z.array(one))
    .refine((urls) => new Set(urls.map((url) => url.protocol)).size < 2, 'all of them must be mqtt: or all mqtts:');
  return { env, doc, schema: list };
}

function topicFilters(env: string, doc: string): Setting<readonly string[]> {
  const schema = z
    .string()
    .default(deviceFilters.join(','))
    .transform((given) => given.split(',').map((filter) => filter.trim()))
    .superRefine((filters, context) => {
      const problem = filterProblem(filters);
      if (problem) context.addIssue(problem);
    });
  return { env, doc, schema };
}
