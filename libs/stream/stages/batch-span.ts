import { messageIdOf, rowsIn, streams } from '#libs/contracts';
import { type RunningSpan, type SpanReference, type Tracing, traceOfMessage } from '#libs/runtime';
import type { StageBatch } from '../stage.js';

/** Entries of a batch that its span refers to, and that have spans of their own on the urgent lane. */
const shownEntries = 32;

/**
 * Runs a stage's handler in a span of the batch: a trace of its own, since a batch is of many origins. One of `raw` refers to
 * the traces of its entries; an urgent entry's begins here, at the moment that it was acknowledged to its devices.
 */
export async function inBatchSpan<T>(tracing: Tracing, batch: StageBatch, handle: () => Promise<T>): Promise<T> {
  const { stream, group, lane, partition } = batch.source;
  const { entries } = batch;
  const messages = entries.reduce((sum, { data }) => sum + rowsIn(data), 0);
  const origins = stream === streams.raw ? originsOf(tracing, batch) : [];
  const span = tracing.begin(`${stream}/${group}`, {
    kind: 'consumer',
    links: origins.map(({ reference }) => reference),
    attributes: {
      'messaging.system': 'citysense',
      'messaging.operation.type': 'process',
      'messaging.destination.name': stream,
      'messaging.destination.partition.id': String(partition),
      'messaging.consumer.group.name': group,
      'messaging.batch.message_count': messages,
      'citysense.lane': lane,
      'citysense.entries': entries.length,
      'citysense.first_position': entries[0]?.position ?? 0,
    },
  });
  const urgent: RunningSpan[] = lane === 'urgent' ? origins.flatMap((origin) => beginEntry(tracing, origin, span)) : [];
  try {
    return await tracing.around(span, handle);
  } finally {
    for (const entry of urgent) entry.end();
  }
}

interface Origin {
  messageId: string;
  appendedAt: number;
  reference: SpanReference;
}

function originsOf(tracing: Tracing, { source: { lane, partition }, entries }: StageBatch): Origin[] {
  return entries.slice(0, shownEntries).flatMap(({ position, appendedAt }) => {
    const messageId = messageIdOf(lane, partition, position, 0);
    const ids = traceOfMessage(messageId);
    return ids ? [{ messageId, appendedAt, reference: { ...ids, sampled: tracing.keeps(ids.traceId) } }] : [];
  });
}

function beginEntry(tracing: Tracing, origin: Origin, batch: RunningSpan | undefined): RunningSpan[] {
  const { messageId, appendedAt: startedAt, reference: identity } = origin;
  const attributes = { 'citysense.message.id': messageId };
  const links = batch ? [batch.reference] : [];
  const span = tracing.begin('message', { kind: 'consumer', identity, startedAt, attributes, links });
  return span ? [span] : [];
}
