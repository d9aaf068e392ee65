import { partitionOf } from '#libs/contracts';
import { round } from './statistics.js';

/** A kind of device in the simulated city: its share of all devices, and the messages that one sends in a day. */
interface Kind {
  name: string;
  share: number;
  perDay: number;
}

/** A city of mostly water meters; gateways that carry their children's messages are few and busy. */
const city: readonly Kind[] = [
  { name: 'water meter, every hour', share: 0.8, perDay: 24 },
  { name: 'fire detector, every 15 min', share: 0.12, perDay: 96 },
  { name: 'parking sensor, on change and every hour', share: 0.0795, perDay: 60 },
  { name: 'gateway for 200 children', share: 0.0005, perDay: 4_800 },
];

export interface BalanceOptions {
  devices: number;
  /** Numbers of partitions to try. */
  partitions: readonly number[];
  seed: number;
  say: (text: string) => void;
}

/**
 * How evenly devices and their messages fall on partitions: the pinned hash over keys as the registry makes them
 * (UUIDv7: a city registers in batches, so most of a key is the same for many devices).
 */
export function benchBalance(options: BalanceOptions): Record<string, unknown> {
  const { devices, seed, say } = options;
  const random = generator(seed);
  const tables = options.partitions.map((partitions) => ({
    partitions,
    count: new Float64Array(partitions),
    messages: new Float64Array(partitions),
  }));
  let at = Date.UTC(2026, 0, 1);
  for (let index = 0; index < devices; index += 1) {
    if (index % 1_000 === 0) at += 60_000;
    const kind = kindOf(random());
    const key = uuidv7(at, random);
    for (const { partitions, count, messages } of tables) {
      const partition = partitionOf(key, partitions);
      count[partition] = (count[partition] as number) + 1;
      messages[partition] = (messages[partition] as number) + kind.perDay;
    }
    if ((index + 1) % 1_000_000 === 0) say(`${(index + 1) / 1_000_000} M of ${devices / 1_000_000} M devices`);
  }
  return {
    devices,
    messagesPerSecond: Math.round(
      (devices * city.reduce((sum, { share, perDay }) => sum + share * perDay, 0)) / 86_400,
    ),
    balance: tables.map(({ partitions, count, messages }) => ({
      partitions,
      devicesMaxToMean: evenness(count),
      messagesMaxToMean: evenness(messages),
      devicesOfLargest: Math.max(...count),
    })),
  };
}

function kindOf(chance: number): Kind {
  let left = chance;
  for (const kind of city) {
    left -= kind.share;
    if (left < 0) return kind;
  }
  return city[0] as Kind;
}

/** RFC 9562, clause 5.7. */
function uuidv7(at: number, random: () => number): string {
  const time = at.toString(16).padStart(12, '0');
  const bits = () =>
    Math.floor(random() * 2 ** 16)
      .toString(16)
      .padStart(4, '0');
  const variant = (8 + Math.floor(random() * 4)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${bits().slice(1)}-${variant}${bits().slice(1)}-${bits()}${bits()}${bits()}`;
}

function evenness(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return round(Math.max(...values) / mean, 4);
}

/** Mulberry32: the same numbers for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
