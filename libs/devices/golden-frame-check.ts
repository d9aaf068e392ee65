import type { Lane } from '#libs/contracts';
import type { DecoderSpec, ThingModel } from './thing-model.js';

/**
 * Injection token of the check of golden frames, a `GoldenFrameCheck`. The normaliser provides it; inject it with
 * `@Optional()`: an app without the normaliser's API has none.
 */
export const GOLDEN_FRAME_CHECK = Symbol('golden-frame-check');

/** A frame kept with a product version, and what it must decode to before the version can be published. */
export interface GoldenFrame {
  /** For people: `reading with low battery` */
  name: string;
  kind: 'up' | 'telemetry' | 'event';
  /** The bytes, two hexadecimal digits each. */
  hex: string;
  /** LoRaWAN fPort, where the decoder needs one. */
  port?: number;
  /** Identifier of the event, for kind `event`. */
  event?: string;
  /** When it is taken to have been received, RFC 3339; default now. */
  receivedAt?: string;
  /** The device's settings. */
  settings?: Readonly<Record<string, unknown>>;
  expected: {
    /** Values that must come out, by metric, in any of the frame's reports; further metrics are free. */
    readings?: Readonly<Record<string, unknown>>;
    /** The frame must be refused with this reason instead. */
    refused?: string;
  };
}

/** A golden frame that does not do as it must. */
export interface GoldenFrameFailure {
  /** Its name. */
  frame: string;
  /** What came instead, and where in the codec's script. */
  problem: string;
}

/** Runs a version's golden frames through its decoder and thing model; nothing is kept. */
export interface GoldenFrameCheck {
  /** The frames that fail; none where the version may be published. */
  check(
    version: { version: number; thingModel: ThingModel; decoder: DecoderSpec; lane: Lane },
    frames: readonly GoldenFrame[],
  ): Promise<GoldenFrameFailure[]>;
}
