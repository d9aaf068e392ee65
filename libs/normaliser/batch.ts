import {
  type CommandOutcome,
  type DeadLetter,
  decodeRawMessages,
  encodeCommandOutcomes,
  encodeDeadLetters,
  encodeNormalisedMessages,
  encodeRawMessages,
  messageIdOf,
  type NormalisedMessage,
  type RawMessage,
  streams,
} from '#libs/contracts';
import type { Append, StageBatch } from '#libs/stream';
import type { DecodeResult, Frame, Warning } from './decoders/decoder.js';
import { Tally } from './normaliser.metrics.js';
import type { CompiledProduct } from './product-compiler.js';

/** One raw message on its way through the normaliser. */
export interface Work {
  messageId: string;
  raw: RawMessage;
  product: CompiledProduct | undefined;
  result: DecodeResult | undefined;
}

/** The messages of a batch, each with its id. Throws `ContractError` where an entry is damaged. */
export function openBatch(batch: StageBatch): Work[] {
  const works: Work[] = [];
  const { lane, partition } = batch.source;
  for (const entry of batch.entries) {
    // Copied once: payloads are views into it, and an entry may be gone after the next await.
    const messages = decodeRawMessages(Buffer.from(entry.data));
    for (let index = 0; index < messages.length; index += 1) {
      const raw = messages[index] as RawMessage;
      works.push({
        messageId: messageIdOf(lane, partition, entry.position, index),
        raw,
        product: undefined,
        result: undefined,
      });
    }
  }
  return works;
}

/** A raw message as a decoder sees it. */
export function frameOf(raw: RawMessage, settings: Readonly<Record<string, unknown>>): Frame {
  const port = /^\d{1,3}$/.test(raw.name) ? Number(raw.name) : undefined;
  return { payload: raw.payload, receivedAt: raw.receivedAt, port, tenantKey: raw.tenantKey, settings };
}

/** What a batch leaves behind: entries for the streams, and counts. */
export class BatchOutput {
  readonly outcomes = new Tally();
  readonly warnings = new Tally();
  readonly discards = new Tally();
  reports = 0;
  private readonly appends: Append[] = [];
  private messages: NormalisedMessage[] = [];
  private messageBytes = 0;
  private letters: DeadLetter[] = [];
  private letterBytes = 0;
  private readonly replies: CommandOutcome[] = [];

  constructor(
    private readonly place: Pick<Append, 'lane' | 'partition'>,
    private readonly maxBytes: number,
  ) {}

  add(message: NormalisedMessage): void {
    this.outcomes.add(message.outcome);
    this.reports += message.reports.length;
    this.messages.push(message);
    // About what MessagePack makes of it; keys and ids are some 160 bytes.
    this.messageBytes += message.frame.byteLength * 2 + 200;
    if (this.messageBytes >= this.maxBytes) this.flushMessages();
  }

  warn(notes: readonly Warning[]): void {
    for (const note of notes) this.warnings.add(note.kind);
  }

  /** Puts a message aside, with the original, so that it can be replayed once the fault is mended. */
  refuse(work: Work, reason: string, detail: string, at: number): void {
    const { raw, messageId } = work;
    this.letters.push({
      id: `normaliser:${messageId}`,
      stage: 'normaliser',
      stream: streams.raw,
      reason,
      detail,
      tenantKey: raw.tenantKey,
      deviceKey: raw.deviceKey,
      messageId,
      at,
      original: encodeRawMessages([raw]),
    });
    this.letterBytes += raw.payload.byteLength + 500;
    if (this.letterBytes >= this.maxBytes) this.flushLetters();
  }

  /** Passes on what a device replied to a command. */
  reply({ raw, messageId }: Work): void {
    const { name: commandId, tenantKey, deviceKey, receivedAt: at, payload } = raw;
    this.replies.push({ kind: 'replied', commandId, tenantKey, deviceKey, at, messageId, payload });
  }

  /** The entries to append. */
  finish(): Append[] {
    this.flushMessages();
    this.flushLetters();
    if (this.replies.length > 0) {
      const data = encodeCommandOutcomes(this.replies);
      this.appends.push({ stream: streams.commandOutcomes, ...this.place, data });
    }
    return this.appends;
  }

  private flushMessages(): void {
    if (this.messages.length === 0) return;
    this.appends.push({ stream: streams.readings, ...this.place, data: encodeNormalisedMessages(this.messages) });
    this.messages = [];
    this.messageBytes = 0;
  }

  private flushLetters(): void {
    if (this.letters.length === 0) return;
    this.appends.push({ stream: streams.deadLetters, ...this.place, data: encodeDeadLetters(this.letters) });
    this.letters = [];
    this.letterBytes = 0;
  }
}
