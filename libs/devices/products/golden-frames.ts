import type { Lane, ReadingValue } from '#libs/contracts';
import type { DecoderSpec, ThingModel } from '../thing-model.js';

/** A real frame with what must come out of it: the proof that a decoder works. */
export interface GoldenFrame {
  name: string;
  kind: 'up' | 'telemetry';
  /** LoRaWAN fPort. */
  port?: number;
  /** The frame's bytes in hexadecimal digits. */
  hex: string;
  /** Metrics that must come out, in the model's units; others may come out too. */
  expected: Readonly<Record<string, ReadingValue>>;
}

/** What is wrong with a golden frame. */
export interface GoldenFrameProblem {
  /** The frame's name. */
  frame: string;
  problem: string;
}

/** What a version decodes with. */
export interface DecodableVersion {
  lane: Lane;
  version: number;
  thingModel: ThingModel;
  decoder: DecoderSpec;
}

/** Decodes the frames as the normaliser would and compares; answers an empty list when all is well. */
export type GoldenFrameCheck = (
  version: DecodableVersion,
  frames: readonly GoldenFrame[],
) => Promise<readonly GoldenFrameProblem[]>;

/**
 * Injection token of a `GoldenFrameCheck`. Decoding is the normaliser's, which stands above this lib, so its API module
 * provides it; it is looked up in the whole app. Without one, a version with golden frames cannot be published.
 */
export const GOLDEN_FRAME_CHECK = Symbol('golden-frame-check');
