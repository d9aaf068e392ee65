import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { IClientOptions } from 'mqtt';
import { ConfigError } from '#libs/runtime';
import { readPemFile } from '../pem-file.js';
import type { BridgeConfig } from './mqtt-bridge.config.js';

/** More than any device sends. A larger packet the cluster keeps to itself; with MQTT 3.1.1, set its own limit. */
const maximumPacketSize = 16_777_216;
const ports: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883 };

/** Options of mqtt.js for each connection, by its number from 1. Throws `ConfigError` where settings contradict. */
export async function clusterOptions(config: BridgeConfig): Promise<(connection: number) => IClientOptions> {
  const [first] = config.urls;
  if (!first) {
    throw new ConfigError(
      'BRIDGE_URL is missing, and GATEWAY_MQTT is bridge: set it to mqtt://host:1883 of the cluster.',
    );
  }
  const secure = first.protocol === 'mqtts:';
  if (!secure && (config.tlsCa ?? config.tlsCert ?? config.tlsKey) !== undefined) {
    throw new ConfigError('BRIDGE_TLS_* are set, and BRIDGE_URL is mqtt://, without TLS: write mqtts://.');
  }
  const common: IClientOptions = {
    protocol: secure ? 'mqtts' : 'mqtt',
    ...(secure ? await certificates(config) : {}),
    ...(config.protocol === '5'
      ? {
          protocolVersion: 5,
          properties: {
            sessionExpiryInterval: config.sessionSeconds,
            receiveMaximum: config.receiveMaximum,
            maximumPacketSize,
          },
        }
      : { protocolVersion: 4 }),
    ...(config.username === undefined ? {} : { username: config.username }),
    ...(config.password === undefined ? {} : { password: config.password }),
    clean: false,
    resubscribe: false,
    reconnectOnConnackError: true,
    keepalive: config.keepAliveSeconds,
    connectTimeout: config.connectTimeoutMs,
  };
  const servers = config.urls.map(({ protocol, hostname, port }) => ({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (ports[protocol] as number),
  }));
  return (connection) => {
    // Each begins at another node.
    const at = connection % servers.length;
    return {
      ...common,
      clientId: `${config.clientId}-${connection}`,
      servers: [...servers.slice(at), ...servers.slice(0, at)],
    };
  };
}

async function certificates({ tlsCa, tlsCert, tlsKey }: BridgeConfig): Promise<IClientOptions> {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new ConfigError('BRIDGE_TLS_CERT and BRIDGE_TLS_KEY belong together: set both or none.');
  }
  const isCertificate = (pem: Buffer) => new X509Certificate(pem);
  const isKey = (pem: Buffer) => createPrivateKey(pem);
  return {
    ...(tlsCa === undefined ? {} : { ca: await readPemFile('BRIDGE_TLS_CA', tlsCa, isCertificate) }),
    ...(tlsCert === undefined ? {} : { cert: await readPemFile('BRIDGE_TLS_CERT', tlsCert, isCertificate) }),
    ...(tlsKey === undefined ? {} : { key: await readPemFile('BRIDGE_TLS_KEY', tlsKey, isKey) }),
  };
}
