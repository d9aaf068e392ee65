import { crc32 } from 'node:zlib';

/** The two lanes of every stream. Fire and other life-safety products are `urgent`; they never wait behind `bulk`. */
export const lanes = ['urgent', 'bulk'] as const;
export type Lane = (typeof lanes)[number];

/** What a device may be called: IMEI, DevEUI, meter number or a 16-digit GB/T 30428.2 object code. */
export const deviceIdPattern = /^[A-Za-z0-9._:-]{1,64}$/;

/** The one form in which device ids are compared and stored: ids differ by more than letter case. */
export function canonicalDeviceId(id: string): string {
  return id.toLowerCase();
}

/**
 * The partition a key belongs to. The hash (CRC-32, ISO 3309) is pinned: changing it would break the order of every
 * device, so the partition count only changes by an offline command.
 */
export function partitionOf(key: string, partitions: number): number {
  return crc32(key) % partitions;
}

/** Identifies one raw message for its whole life: lane, partition, position of its entry and index in it. `b.3.1542.7` */
export function messageIdOf(lane: Lane, partition: number, position: number, index: number): string {
  return `${lane === 'urgent' ? 'u' : 'b'}.${partition}.${position}.${index}`;
}

/** Reads a message id back into its parts; undefined where the text is not one. */
export function parseMessageId(
  id: string,
): { lane: Lane; partition: number; position: number; index: number } | undefined {
  const match = /^([ub])\.(\d{1,5})\.(\d{1,16})\.(\d{1,9})$/.exec(id);
  if (!match) return undefined;
  return {
    lane: match[1] === 'u' ? 'urgent' : 'bulk',
    partition: Number(match[2]),
    position: Number(match[3]),
    index: Number(match[4]),
  };
}
