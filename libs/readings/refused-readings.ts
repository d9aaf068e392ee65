import { type DeadLetter, encodeDeadLetters, encodeNormalisedMessages, streams } from '#libs/contracts';
import type { Append, Source } from '#libs/stream';
import type { RefusedMessage } from '#libs/telemetry-store';

const lettersPerEntry = 100;

/** The dead letters of what the store cannot hold; replayed, each is stored again by itself. */
export function refusedReadings(source: Source, refused: readonly RefusedMessage[], now: number): Append[] {
  const { lane, partition } = source;
  const letters = refused.map((one) => letterOf(one, now));
  return Array.from({ length: Math.ceil(letters.length / lettersPerEntry) }, (_, index) => ({
    stream: streams.deadLetters,
    lane,
    partition,
    data: encodeDeadLetters(letters.slice(index * lettersPerEntry, (index + 1) * lettersPerEntry)),
  }));
}

function letterOf({ message, detail }: RefusedMessage, now: number): DeadLetter {
  const { messageId, tenantKey, deviceKey, reports } = message;
  const [report] = reports;
  const what = report ? `${report.observedAt}/${report.seq ?? ''}/${report.readings[0]?.metric ?? ''}` : 'frame';
  return {
    id: `store_refused/${messageId}/${what}`,
    stage: 'readings',
    stream: streams.readings,
    reason: 'store_refused',
    detail,
    tenantKey,
    deviceKey,
    messageId,
    at: now,
    original: encodeNormalisedMessages([message]),
  };
}
