import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Inject, Injectable } from '@nestjs/common';
import { ConfigError } from '#libs/runtime';
import { type GatewayConfig, gatewayConfig } from '../gateway.config.js';
import { GatewayAddresses } from '../gateway-addresses.js';
import { GatewayMetrics } from '../gateway-metrics.js';
import { readPemFile } from '../pem-file.js';
import { RawIntake } from '../raw-intake.js';
import type { ReadGate } from './guarded-socket.js';
import { MqttBroker } from './mqtt-broker.js';

const keepAliveProbeMs = 60_000;

/** The TCP and TLS ports of the broker. */
@Injectable()
export class MqttListener {
  private servers: Server[] = [];
  private stopping = false;

  constructor(
    @Inject(gatewayConfig.KEY) private readonly config: GatewayConfig,
    @Inject(MqttBroker) private readonly broker: MqttBroker,
    @Inject(RawIntake) private readonly intake: RawIntake,
    @Inject(GatewayAddresses) private readonly addresses: GatewayAddresses,
    @Inject(GatewayMetrics) private readonly metrics: GatewayMetrics,
  ) {}

  async start(): Promise<void> {
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveProbeMs };
    const serve = (socket: Socket) => this.broker.serve(socket, this.gate);
    this.addresses.mqttPort = await this.listen(createServer(options, serve), this.config.mqttPort);
    if (this.config.mqttTlsPort === 0) return;
    const server = createTlsServer({ ...options, ...(await this.certificates()) }, serve);
    server.on('tlsClientError', (_error, socket) => {
      this.metrics.refused('tls_handshake_failed');
      // Node tells of a handshake that took too long, and leaves the connection open.
      socket.destroy();
    });
    this.addresses.mqttTlsPort = await this.listen(server, this.config.mqttTlsPort);
  }

  /** Accepts no more connections, and reads no more from those there are. */
  stopAccepting(): void {
    this.stopping = true;
    for (const server of this.servers) server.close();
  }

  private readonly gate: ReadGate = {
    isClosed: ({ place }) => this.stopping || (place !== undefined && this.intake.writer.isFull(place)),
    // Before the login only a stop closes it, and that for good.
    whenOpen: ({ place }, listener) => place && this.intake.writer.whenRoom(place, listener),
  };

  private async certificates() {
    const { mqttTlsCert, mqttTlsKey, mqttTlsCa } = this.config;
    if (mqttTlsCert === undefined || mqttTlsKey === undefined) {
      throw new ConfigError(
        'MQTT_TLS_PORT is set: set MQTT_TLS_CERT and MQTT_TLS_KEY to the certificate and key files.',
      );
    }
    const cert = await readPemFile('MQTT_TLS_CERT', mqttTlsCert, (pem) => new X509Certificate(pem));
    const key = await readPemFile('MQTT_TLS_KEY', mqttTlsKey, (pem) => {
      if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(pem))) {
        throw new Error('it is not the key of the certificate in MQTT_TLS_CERT');
      }
    });
    return {
      cert,
      key,
      ca: mqttTlsCa && (await readPemFile('MQTT_TLS_CA', mqttTlsCa, (pem) => new X509Certificate(pem))),
      requestCert: mqttTlsCa !== undefined,
      rejectUnauthorized: mqttTlsCa !== undefined,
      minVersion: 'TLSv1.2' as const,
      handshakeTimeout: this.config.connectTimeoutMs,
    };
  }

  private listen(server: Server, port: number): Promise<number> {
    server.maxConnections = this.config.maxConnections;
    server.on('drop', () => this.metrics.refused('too_many_connections'));
    this.servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host: this.config.host, backlog: 4_096 }, () => {
        server.removeListener('error', reject);
        resolve((server.address() as AddressInfo).port);
      });
    });
  }
}
