import { createHash } from 'node:crypto';
import { parseMessageId } from '#libs/contracts';

/** A span as others refer to it (W3C Trace Context): ids in lower-case hex. */
export interface SpanReference {
  traceId: string;
  spanId: string;
  sampled: boolean;
}

const form = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const none = /^0+$/;
const sampledFlag = 1;

/** The header and CloudEvents attribute `traceparent` (W3C Trace Context 3.2; CloudEvents Distributed Tracing extension). */
export function traceparentOf({ traceId, spanId, sampled }: SpanReference): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** Reads a `traceparent`; undefined where it is none, and is then as good as absent. */
export function parseTraceparent(text: unknown): SpanReference | undefined {
  const [, traceId = '', spanId = '', flags = ''] = (typeof text === 'string' && form.exec(text)) || [];
  if (traceId === '' || none.test(traceId) || none.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & sampledFlag) !== 0 };
}

/**
 * The trace of what the entry of a raw message leads to. It follows from the message's id alone, so that every process comes
 * to the same one and nothing travels with messages. Undefined where the text is no message id.
 */
export function traceOfMessage(messageId: string): Omit<SpanReference, 'sampled'> | undefined {
  const place = parseMessageId(messageId);
  if (!place) return undefined;
  const digest = createHash('sha256').update(`${place.lane}/${place.partition}/${place.position}`).digest('hex');
  return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48) };
}
