/** One CJ/T 188 frame after its checksum was found right. */
export interface MeterFrame {
  /** T: 0x10 cold water, 0x11 hot water, 0x12 drinking water, 0x13 reclaimed water, 0x2x heat, 0x3x gas, 0x4x electricity. */
  type: number;
  /** A6..A0: 14 BCD digits as people read them. */
  address: string;
  /** C: 0x01 -> 0x81 read, 0x03 -> 0x83 address, 0x04 -> 0x84 write; bit 7 is an answer, bit 6 an error. */
  control: number;
  data: Uint8Array;
}

/** Why bytes are no frame. */
export interface FrameProblem {
  reason: string;
  detail: string;
}

const start = 0x68;
const end = 0x16;
const wakeUp = 0xfe;
/** Start, type, address, control and length. */
const headBytes = 11;

/**
 * Cuts a payload into frames: `FE.. 68 T A0..A6 C L data sum8 16`, any number of them one after another (a DTU sends what
 * its meters said in one go). The sum counts from the start byte to the data. All of it must be frames.
 */
export function readFrames(bytes: Uint8Array): MeterFrame[] | FrameProblem {
  const frames: MeterFrame[] = [];
  let at = 0;
  for (;;) {
    while (bytes[at] === wakeUp) at += 1;
    if (at === bytes.length) break;
    const frame = readFrame(bytes, at);
    if ('reason' in frame) return frame;
    frames.push(frame);
    at += headBytes + frame.data.length + 2;
  }
  if (frames.length === 0) return { reason: 'frame_truncated', detail: 'The message holds no frame.' };
  return frames;
}

function readFrame(bytes: Uint8Array, at: number): MeterFrame | FrameProblem {
  if (bytes[at] !== start) {
    return {
      reason: 'frame_start_missing',
      detail: `Byte ${at} is ${hex(bytes[at])}; a frame starts with 68 after FE wake-up bytes.`,
    };
  }
  const length = bytes[at + 10];
  if (length === undefined || at + headBytes + length + 2 > bytes.length) {
    return {
      reason: 'frame_truncated',
      detail: `The frame at byte ${at} ends after ${bytes.length - at} bytes, of ${length === undefined ? 'at least 13' : headBytes + length + 2}.`,
    };
  }
  const dataEnd = at + headBytes + length;
  let sum = 0;
  for (let index = at; index < dataEnd; index += 1) sum = (sum + (bytes[index] as number)) & 0xff;
  if (sum !== bytes[dataEnd]) {
    return {
      reason: 'checksum_mismatch',
      detail: `The frame at byte ${at} carries the checksum ${hex(bytes[dataEnd])}; its bytes give ${hex(sum)}.`,
    };
  }
  if (bytes[dataEnd + 1] !== end) {
    return {
      reason: 'frame_end_missing',
      detail: `Byte ${dataEnd + 1} is ${hex(bytes[dataEnd + 1])}; a frame ends with 16.`,
    };
  }
  const address = bcdDigits(bytes.subarray(at + 2, at + 9));
  // An address may carry hexadecimal digits: AA..AA is the broadcast address, and a 2018 manufacturer code is not BCD.
  return {
    type: bytes[at + 1] as number,
    address:
      address ??
      Buffer.from(bytes.subarray(at + 2, at + 9))
        .reverse()
        .toString('hex')
        .toUpperCase(),
    control: bytes[at + 9] as number,
    data: bytes.subarray(at + headBytes, dataEnd),
  };
}

/** Low byte first BCD as decimal digits; undefined where a nibble is no digit. */
export function bcdDigits(bytes: Uint8Array): string | undefined {
  let digits = '';
  for (let index = bytes.length - 1; index >= 0; index -= 1) {
    const byte = bytes[index] as number;
    if (byte >>> 4 > 9 || (byte & 15) > 9) return undefined;
    digits += (byte >>> 4).toString() + (byte & 15).toString();
  }
  return digits;
}

/** A byte as two hexadecimal digits. */
export function hex(byte: number | undefined): string {
  return byte === undefined ? 'nothing' : byte.toString(16).toUpperCase().padStart(2, '0');
}
