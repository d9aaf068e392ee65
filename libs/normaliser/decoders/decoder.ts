/** One frame to decode: what a device sent, and what the platform knows about it. */
export interface Frame {
  payload: Uint8Array;
  /** Epoch milliseconds. */
  receivedAt: number;
  /** LoRaWAN fPort, or the port its topic named; undefined where there is none. */
  port: number | undefined;
  tenantKey: string;
  /** Facts kept per device (pulse weight, base reading); a codec sees them as `variables`. */
  settings: Readonly<Record<string, unknown>>;
}

/** What one report of a frame says, before the thing model has judged it. */
export interface DecodedReport {
  /**
   * The device's time in whole epoch milliseconds; NaN or infinite where it
   * names a time that does not exist; undefined where it names none.
   */
  time: number | undefined;
  seq: number | undefined;
  revision: number;
  /** Metric -> value, possibly nested, possibly `{value, unit}`; a `StatedValue` where the decoder knows the unit. */
  values: Readonly<Record<string, unknown>>;
}

/** A value with the unit it was measured in and doubts its decoder already has. */
export class StatedValue {
  constructor(
    readonly value: unknown,
    readonly unit: string | undefined,
    /** Bits of `qualityFlags`. */
    readonly quality: number,
  ) {}
}

/** Something the vendor should look at; the frame is decoded all the same. */
export interface Warning {
  /** snake_case, the label of `normaliser_warnings_total`. */
  kind: string;
  detail: string;
}

/** Where in a codec's script something went wrong; lines and columns count from 1. */
export interface ScriptPosition {
  line: number;
  column: number | undefined;
}

export interface Decoded {
  kind: 'decoded';
  reports: readonly DecodedReport[];
  warnings: readonly Warning[];
  /** What the codec printed, for a dry run. */
  logs?: readonly string[];
}

export interface Refused {
  kind: 'refused';
  /** snake_case, the label of `discards_total`. */
  reason: string;
  /** What was wrong with what, and the fix. */
  detail: string;
  position?: ScriptPosition;
  logs?: readonly string[];
}

export type DecodeResult = Decoded | Refused;

/** Turns frames into reports: one result per frame, in order. Never throws for what is in a frame. */
export interface Decoder {
  /** As the ledger names it: `json@1`, `cjt188@1`, `codec@<product version>`. */
  readonly name: string;
  decode(frames: readonly Frame[]): readonly DecodeResult[] | Promise<readonly DecodeResult[]>;
}

export const noWarnings: readonly Warning[] = [];

/** A refusal. */
export function refused(reason: string, detail: string): Refused {
  return { kind: 'refused', reason, detail };
}
