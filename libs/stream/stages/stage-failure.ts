import {
  type DeadLetter,
  decodeRawMessages,
  encodeDeadLetters,
  encodeRawMessages,
  messageIdOf,
  streams,
} from '#libs/contracts';
import { failureText } from '#libs/runtime';
import type { Append, Entry, Source } from '../stream.port.js';

/** The dead letters of an entry that its stage cannot take: one per message where it is raw, else the entry whole. */
export function deadLettersOf(source: Source, entry: Entry, error: unknown, now: number): Append[] {
  if (source.stream === streams.deadLetters) return [];
  const { lane, partition } = source;
  const letter: DeadLetter = {
    id: `stage_failed/${source.stream}/${source.group}/${messageIdOf(lane, partition, entry.position, 0)}`,
    stage: source.group,
    stream: source.stream,
    reason: 'stage_failed',
    detail: `The stage failed on this entry every time: ${messageOf(error)}`,
    tenantKey: '',
    deviceKey: '',
    messageId: '',
    at: now,
    original: entry.data,
  };
  const letters = source.stream === streams.raw ? (perMessage(letter, source, entry) ?? [letter]) : [letter];
  return letters.map((one) => ({ stream: streams.deadLetters, lane, partition, data: encodeDeadLetters([one]) }));
}

function perMessage(letter: DeadLetter, { group, lane, partition }: Source, entry: Entry): DeadLetter[] | undefined {
  try {
    return decodeRawMessages(entry.data).map((message, index) => {
      const messageId = messageIdOf(lane, partition, entry.position, index);
      return {
        ...letter,
        id: `stage_failed/${streams.raw}/${group}/${messageId}`,
        tenantKey: message.tenantKey,
        deviceKey: message.deviceKey,
        messageId,
        original: encodeRawMessages([message]),
      };
    });
  } catch {
    // Not readable as raw messages, which may be why the stage failed: kept whole.
    return undefined;
  }
}

/** What a failure says, at most 500 characters. */
export function messageOf(error: unknown): string {
  return failureText(error).slice(0, 500);
}
