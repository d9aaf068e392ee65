import { Inject, Injectable } from '@nestjs/common';
import type { KnownDevice } from '#libs/devices';
import { CLOCK, type Clock, LOGGER, type Logger } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { type GatewayConfig, gatewayConfig } from './gateway.config.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { RawWriter } from './raw-writer.js';

const nothing = new Uint8Array(0);

/** The process's one raw writer, shared by every protocol, so that a device's order holds across them. */
@Injectable()
export class RawIntake {
  readonly writer: RawWriter;

  constructor(
    @Inject(STREAM) stream: StreamLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(gatewayConfig.KEY) config: GatewayConfig,
    @Inject(GatewayMetrics) metrics: GatewayMetrics,
  ) {
    this.writer = new RawWriter(stream, clock, logger, {
      maxInFlight: config.maxInFlight,
      maxInFlightBytes: config.maxInFlightBytes,
      maxCommitMessages: config.maxCommitMessages,
      onCommit: (batch) => metrics.committed(batch),
      onFailure: (error, retryable) => {
        metrics.appendFailed(retryable);
        if (retryable) return;
        logger.fatal({ err: error }, 'stream is lost: nothing is acknowledged any more');
        // Only a restart helps; an uncaught error ends the thread or process, and its owner sees why.
        setImmediate(() => {
          throw error;
        });
      },
    });
  }

  /** Files that a device's connection began or ended. */
  connection(device: KnownDevice, kind: 'connected' | 'disconnected'): void {
    this.writer.write(
      {
        kind,
        tenantKey: device.tenantKey,
        deviceKey: device.key,
        productKey: device.productKey,
        receivedAt: this.clock.now(),
        name: '',
        payload: nothing,
      },
      device,
      0,
      () => undefined,
    );
  }
}
