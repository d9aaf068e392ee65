import {
  type DeadLetter,
  decodeDeadLetters,
  decodeRawMessages,
  lanes,
  type RawMessage,
  streams,
} from '#libs/contracts';
import type { StreamLog } from '#libs/stream';

const maxEntries = 1_000_000;
const maxBytes = 1_000_000_000;

/** Every raw message in the log, in order per partition. */
export function storedMessages(log: StreamLog): Promise<RawMessage[]> {
  return stored(log, streams.raw, decodeRawMessages);
}

/** Every dead letter in the log. */
export function storedDeadLetters(log: StreamLog): Promise<DeadLetter[]> {
  return stored(log, streams.deadLetters, decodeDeadLetters);
}

async function stored<T>(log: StreamLog, stream: string, decode: (entry: Uint8Array) => T[]): Promise<T[]> {
  const found: T[] = [];
  for (const lane of lanes) {
    for (let partition = 0; partition < log.partitions; partition++) {
      const source = { stream, group: 'test', lane, partition };
      for (const entry of await log.read(source, { after: 0, maxEntries, maxBytes })) {
        found.push(...decode(Buffer.from(entry.data)));
      }
    }
  }
  return found;
}
