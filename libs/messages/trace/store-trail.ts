import { Inject } from '@nestjs/common';
import { type StoredFrame, TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';
import type { MessagePlace, ReadingFact } from './trace-facts.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** A device that resends does so soon; how far back, and among how many of its frames, the first is looked for. */
const resentWithinMs = 24 * hourMs;
const resentWithinFrames = 200;
/** Readings of a message are looked for among those observed about when it was received. */
const aboutMs = { before: hourMs, after: 6 * minuteMs };
const mostReadings = 1_000;

/** What the telemetry store knows of a message. */
export class StoreTrail {
  constructor(@Inject(TELEMETRY_STORE) private readonly store: TelemetryStore) {}

  /** The position up to which the lane and partition is stored. */
  async upTo({ lane, partition }: MessagePlace): Promise<number> {
    const here = (await this.store.positions()).find((one) => one.lane === lane && one.partition === partition);
    return here?.position ?? 0;
  }

  async knows(deviceKey: string, messageId: string): Promise<boolean> {
    return (await this.store.frame(deviceKey, messageId)) !== undefined;
  }

  /** Its frame; its readings too where they are told of nowhere else, as far as they were observed when they came. */
  async find(
    deviceKey: string,
    messageId: string,
    withReadings: boolean,
  ): Promise<{ frame: StoredFrame | undefined; readings: ReadingFact[] }> {
    const frame = await this.store.frame(deviceKey, messageId);
    if (!frame || !withReadings) return { frame, readings: [] };
    const range = { from: frame.receivedAt - aboutMs.before, to: frame.receivedAt + aboutMs.after };
    const near = await this.store.range({ deviceKey, range, limit: mostReadings });
    return { frame, readings: near.filter((one) => one.messageId === messageId) };
  }

  /** The message that a duplicate repeats, where it does so byte for byte. */
  async original(frame: StoredFrame | undefined): Promise<string | undefined> {
    if (frame?.outcome !== 'duplicate') return undefined;
    const { deviceKey, receivedAt, messageId, bytes } = frame;
    const earlier = await this.store.frames({
      deviceKey,
      range: { from: receivedAt - resentWithinMs, to: receivedAt + 1 },
      limit: resentWithinFrames,
      before: { receivedAt, messageId },
    });
    return earlier.find((one) => one.outcome === 'decoded' && Buffer.compare(one.bytes, bytes) === 0)?.messageId;
  }
}
