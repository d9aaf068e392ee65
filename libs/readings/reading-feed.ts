import { Inject } from '@nestjs/common';
import { ContractError, decodeNormalisedMessages, type NormalisedMessage, streams } from '#libs/contracts';
import { DeviceDirectory, type KnownDevice, ProductCatalogue } from '#libs/devices';
import { LOGGER, type Logger } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { liveView, propertyOf } from './reading-views.js';
import type { LatestView } from './readings.dto.js';

/** Somebody who watches. */
export interface FeedListener {
  /** Whether it is to be told of the device. */
  wants(device: KnownDevice): boolean;
  send(view: LatestView): void;
}

/** Readings as they are normalised. The stream is followed, and its entries are decoded, only while somebody listens. */
export class ReadingFeed {
  private readonly listeners = new Set<FeedListener>();
  private untail: (() => void) | undefined;

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Tells the listener of everything from now on. Returns the way to leave. */
  join(listener: FeedListener): () => void {
    this.listeners.add(listener);
    this.untail ??= this.stream.tail(streams.readings, (entry) => this.tell(entry.data));
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.untail?.();
      this.untail = undefined;
    };
  }

  private tell(entry: Uint8Array): void {
    for (const message of this.decode(entry)) {
      if (message.reports.length === 0) continue;
      const device = this.directory.byKey(message.deviceKey);
      if (device) this.show(device, message);
      else void this.showLater(message);
    }
  }

  /** A device registered a moment ago is known to the registry before it is known here. */
  private async showLater(message: NormalisedMessage): Promise<void> {
    try {
      const device = await this.directory.find(message.deviceKey);
      if (device) this.show(device, message);
    } catch (error) {
      this.logger.warn({ err: error }, 'live readings leave out a message of a device that cannot be looked up');
    }
  }

  private show(device: KnownDevice, message: NormalisedMessage): void {
    let view: LatestView | undefined;
    for (const listener of this.listeners) {
      if (!listener.wants(device)) continue;
      view ??= this.view(device, message);
      listener.send(view);
    }
  }

  private view(device: KnownDevice, message: NormalisedMessage): LatestView {
    return {
      deviceId: device.id,
      readings: message.reports.flatMap((report) =>
        report.readings.map((reading) =>
          liveView(message, report, reading, propertyOf(this.catalogue, device, reading.metric)),
        ),
      ),
    };
  }

  /** An entry that cannot be read is the stage's to refuse; here it shows nothing. */
  private decode(entry: Uint8Array): NormalisedMessage[] {
    try {
      return decodeNormalisedMessages(entry);
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      this.logger.warn({ err: error }, 'live readings leave out an entry that cannot be read');
      return [];
    }
  }
}
