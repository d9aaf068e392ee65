import type { Reading } from '#libs/contracts';

const rememberedNames = 20_000;
const nameHashes = new Map<string, number>();
const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** 32-bit FNV-1a of a text's UTF-16 units. */
export function hashText(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01_00_01_93);
  }
  return mix(hash) >>> 0;
}

/** As `hashText`, remembered: metric names repeat. */
export function hashName(name: string): number {
  const known = nameHashes.get(name);
  if (known !== undefined) return known;
  if (nameHashes.size >= rememberedNames) nameHashes.clear();
  const hash = hashText(name);
  nameHashes.set(name, hash);
  return hash;
}

/** 32-bit hash of a number's bits. */
export function hashNumber(value: number): number {
  float[0] = value;
  return mix(Math.imul(words[0] as number, 0x9e_37_79_b1) ^ (words[1] as number)) >>> 0;
}

/** 32-bit hash of what a report says, whatever the order of its metrics. */
export function hashContent(readings: readonly Reading[]): number {
  let sum = 0;
  for (const reading of readings) {
    const { value } = reading;
    const content =
      typeof value === 'number'
        ? hashNumber(value)
        : typeof value === 'boolean'
          ? value
            ? 0x5b_d1_e9_95
            : 0x1b_87_35_93
          : hashText(typeof value === 'string' ? value : JSON.stringify(value));
    sum = (sum + mix(hashName(reading.metric) ^ Math.imul(content, 0x85_eb_ca_6b))) | 0;
  }
  return sum >>> 0;
}

/** Spreads the bits of a 32-bit number (the finaliser of MurmurHash3). */
export function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85_eb_ca_6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2_b2_ae_35);
  return hash ^ (hash >>> 16);
}
