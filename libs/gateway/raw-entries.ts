import {
  type DeadLetter,
  encodeDeadLetters,
  encodeRawMessages,
  type Lane,
  type RawMessage,
  streams,
} from '#libs/contracts';
import type { Append } from '#libs/stream';

/** Where a device's messages go. */
export interface Place {
  lane: Lane;
  partition: number;
}

/** What is filed at a place. */
export interface Filed {
  readonly place: Place;
  /** None for a dead letter, and for a mere turn in the queue, which writes nothing. */
  readonly messages: readonly RawMessage[];
  readonly letter: DeadLetter | undefined;
}

const messagesPerEntry = 512;
const bytesPerEntry = 1_048_576;

/** One entry per lane and partition, or several where there is much for one; dead letters in entries of their own. */
export function entriesOf(batch: readonly Filed[]): Append[] {
  const messages = new Map<number, RawMessage[]>();
  const letters = new Map<number, DeadLetter[]>();
  for (const filed of batch) {
    const slot = slotOf(filed.place);
    for (const message of filed.messages) collect(messages, slot, message);
    if (filed.letter) collect(letters, slot, filed.letter);
  }
  const entries: Append[] = [];
  for (const [slot, group] of messages) {
    for (const part of parts(group, (message) => message.payload.byteLength))
      entries.push(entryOf(streams.raw, slot, encodeRawMessages(part)));
  }
  for (const [slot, group] of letters) {
    for (const part of parts(group, (letter) => letter.original.byteLength))
      entries.push(entryOf(streams.deadLetters, slot, encodeDeadLetters(part)));
  }
  return entries;
}

/** A number for each lane and partition. */
export function slotOf({ lane, partition }: Place): number {
  return partition * 2 + (lane === 'urgent' ? 1 : 0);
}

function collect<T>(groups: Map<number, T[]>, slot: number, item: T): void {
  const group = groups.get(slot);
  if (group) group.push(item);
  else groups.set(slot, [item]);
}

/** Cuts what goes into one entry by number and by bytes. */
function parts<T>(group: readonly T[], bytesOf: (item: T) => number): (readonly T[])[] {
  const found: (readonly T[])[] = [];
  let start = 0;
  let bytes = 0;
  for (const [at, item] of group.entries()) {
    const more = bytesOf(item);
    if (at > start && (at - start >= messagesPerEntry || bytes + more > bytesPerEntry)) {
      found.push(group.slice(start, at));
      start = at;
      bytes = 0;
    }
    bytes += more;
  }
  found.push(start === 0 ? group : group.slice(start));
  return found;
}

function entryOf(stream: string, slot: number, data: Uint8Array): Append {
  return { stream, lane: slot % 2 === 1 ? 'urgent' : 'bulk', partition: slot >> 1, data };
}
