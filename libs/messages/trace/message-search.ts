import { Inject } from '@nestjs/common';
import {
  ContractError,
  decodeNormalisedMessages,
  decodeRawMessages,
  decodeTransitions,
  parseMessageId,
  streams,
  type Transition,
} from '#libs/contracts';
import { type Entry, type Lag, type Place, STREAM, type StreamLog } from '#libs/stream';
import type { MessagePlace, NormalisedFact, RawFact } from './trace-facts.js';

/** Entries among which replayed ones may stand between the others; beyond it the search may miss. */
const mostReplayed = 8;
/** Entries looked through for verdicts, in reads of this many. */
const mostTransitionEntries = 500;
const readAtOnce = 100;
const readBytes = 1_048_576;
/** Processes of several machines write a stream: their clocks differ by less. */
const clockSlackMs = 60_000;

/** Finds one message in the streams. Nothing is indexed there: entries are in order, so a search halves what is left. */
export class MessageSearch {
  constructor(@Inject(STREAM) private readonly stream: StreamLog) {}

  /** Whether there may be such a place at all. */
  has({ partition }: MessagePlace): boolean {
    return partition < this.stream.partitions;
  }

  /** `gone` where its entry is no longer kept, `none` where the entry has no such message. */
  async raw({ lane, partition, position, index }: MessagePlace): Promise<RawFact | 'gone' | 'none'> {
    const [entry] = await this.read({ stream: streams.raw, lane, partition }, position - 1, 1);
    if (entry?.position !== position) return 'gone';
    const found = readable(() => decodeRawMessages(entry.data)[index]);
    if (found === undefined) return 'none';
    const { payload, ...message } = found;
    return { message, bytes: payload.byteLength, appendedAt: entry.appendedAt };
  }

  /**
   * The message in `readings`, whose entries follow those of `raw`. Those that people put back there stand out of order: as
   * many entries are looked at together.
   */
  async normalised(messageId: string, place: MessagePlace, lag: Lag): Promise<NormalisedFact | undefined> {
    const at: Place = { stream: streams.readings, lane: place.lane, partition: place.partition };
    const span = 1 + Math.min(lag.messages.entered, mostReplayed);
    const reaches = (entries: readonly Entry[]) => entries.some((entry) => !isBefore(lastIn(entry), place));
    const entries = await this.firstThat(at, span, lag.last, reaches);
    for (const { position, appendedAt, data } of entries) {
      const found = readable(() => decodeNormalisedMessages(data).find((one) => one.messageId === messageId));
      if (!found) continue;
      const { frame: _frame, ...message } = found;
      return { message, position, appendedAt };
    }
    return undefined;
  }

  /** Verdicts that the message brought about, in one place of `transitions`, appended at `since` or later. */
  async transitions(messageId: string, place: MessagePlace, lag: Lag, since: number): Promise<Transition[]> {
    const at: Place = { stream: streams.transitions, lane: lag.lane, partition: lag.partition };
    const from = since - clockSlackMs;
    const [first] = await this.firstThat(at, 1, lag.last, ([entry]) => (entry?.appendedAt ?? 0) >= from);
    const found: Transition[] = [];
    let after = (first?.position ?? lag.last + 1) - 1;
    for (let looked = 0; looked < mostTransitionEntries; looked += readAtOnce) {
      const entries = await this.read(at, after, readAtOnce);
      for (const { data } of entries) {
        const transitions = readable(() => decodeTransitions(data)) ?? [];
        found.push(...transitions.filter((one) => one.messageId === messageId));
        if (transitions.some((one) => isBehind(one.messageId, place))) return found;
      }
      after = entries.at(-1)?.position ?? after;
      if (entries.length === 0) break;
    }
    return found;
  }

  /** Of the groups of `span` neighbouring entries the first for which `holds`, which must hold for all behind it too. */
  private async firstThat(
    place: Place,
    span: number,
    last: number,
    holds: (entries: readonly Entry[]) => boolean,
  ): Promise<Entry[]> {
    let low = 1;
    let high = last;
    let found: Entry[] = [];
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const entries = await this.read(place, middle - 1, span);
      const [first] = entries;
      if (!first || holds(entries)) {
        if (first) found = entries;
        high = middle - 1;
      } else low = first.position + 1;
    }
    return found;
  }

  /** Read for nobody: with a position given, no group's acknowledgement matters. Bytes are copied, since more is awaited. */
  private async read(place: Place, after: number, maxEntries: number): Promise<Entry[]> {
    const source = { ...place, group: 'trace' };
    const entries = await this.stream.read(source, { after, maxEntries, maxBytes: readBytes });
    return entries.map((entry) => ({ ...entry, data: Buffer.from(entry.data) }));
  }
}

/** The place of an entry's last message; before all others where it cannot be read. */
function lastIn({ data }: Entry): MessagePlace | undefined {
  const last = readable(() => decodeNormalisedMessages(data).at(-1)?.messageId);
  return last === undefined ? undefined : parseMessageId(last);
}

function isBefore(one: MessagePlace | undefined, other: MessagePlace): boolean {
  if (!one) return true;
  return one.position < other.position || (one.position === other.position && one.index < other.index);
}

/** Verdicts come in the order of their messages, as far as these are of one place. */
function isBehind(messageId: string, place: MessagePlace): boolean {
  const one = parseMessageId(messageId);
  return one?.lane === place.lane && one.partition === place.partition && isBefore(place, one);
}

/** An entry that cannot be read is its stage's to refuse; here it tells nothing. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}
