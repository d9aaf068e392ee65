import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const gatewayConfig = defineConfig('gateway', {
  host: setting.text('GATEWAY_HOST', '0.0.0.0', 'Address on which the gateway listens for devices, MQTT and HTTP.'),
  mqttPort: setting.port('MQTT_PORT', 1883, 'Port of the MQTT broker; 0 lets the system choose.'),
  ingestPort: setting.port('INGEST_PORT', 8081, 'Port on which devices post over HTTP; 0 lets the system choose.'),
  mqttTlsPort: setting.port('MQTT_TLS_PORT', 0, 'Port of MQTT over TLS (1.2 or newer); 0 turns it off.'),
  mqttTlsCert: setting.optional('MQTT_TLS_CERT', 'File with the certificate chain (PEM) of MQTT over TLS.'),
  mqttTlsKey: setting.optional('MQTT_TLS_KEY', 'File with the private key (PEM) of MQTT over TLS.'),
  mqttTlsCa: setting.optional('MQTT_TLS_CA', 'File with the authorities (PEM) whose client certificates are demanded.'),
  maxConnections: setting.integer(
    'GATEWAY_MAX_CONNECTIONS',
    100_000,
    'MQTT connections held at one time; more are turned away.',
    1,
  ),
  connectTimeoutMs: setting.integer(
    'GATEWAY_CONNECT_TIMEOUT_MS',
    10_000,
    'How long a connection may take to send its CONNECT.',
    100,
    600_000,
  ),
  drainTimeoutMs: setting.integer(
    'GATEWAY_DRAIN_TIMEOUT_MS',
    8_000,
    'How long a device may leave what is sent to it unread before it is disconnected.',
    100,
    600_000,
  ),
  maxConnectBytes: setting.integer(
    'GATEWAY_MAX_CONNECT_BYTES',
    16_384,
    'Largest MQTT packet before authentication, and largest one that is not a publish.',
    256,
    268_435_455,
  ),
  maxMessageBytes: setting.integer(
    'GATEWAY_MAX_MESSAGE_BYTES',
    262_144,
    'Largest MQTT packet or HTTP body of an authenticated device.',
    256,
    268_435_455,
  ),
  maxInFlight: setting.integer(
    'GATEWAY_MAX_IN_FLIGHT',
    4_096,
    'Messages that may wait to become durable before the gateway stops reading from its connections.',
    1,
    1_000_000,
  ),
  maxInFlightBytes: setting.integer(
    'GATEWAY_MAX_IN_FLIGHT_BYTES',
    33_554_432,
    'Bytes that may wait to become durable before the gateway stops reading from its connections.',
    1_024,
  ),
  maxCommitMessages: setting.integer(
    'GATEWAY_MAX_COMMIT_MESSAGES',
    2_048,
    'Messages made durable by one commit at most.',
    1,
    100_000,
  ),
  failedLoginsPerDevice: setting.integer(
    'GATEWAY_FAILED_LOGINS_PER_DEVICE',
    10,
    'Failed logins a minute for one device id from one address; further ones are refused unread.',
    1,
  ),
  failedLoginsPerAddress: setting.integer(
    'GATEWAY_FAILED_LOGINS_PER_ADDRESS',
    600,
    'Failed logins a minute from one address (which may be a carrier with many devices behind it).',
    1,
  ),
  refusalsPerConnection: setting.integer(
    'GATEWAY_REFUSALS_PER_CONNECTION',
    60,
    'Publishes to topics that are not its own which a connection may send a minute before it is closed.',
    0,
  ),
});
export type GatewayConfig = ConfigOf<typeof gatewayConfig>;
