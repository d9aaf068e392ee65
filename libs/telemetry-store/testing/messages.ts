import {
  encodeNormalisedMessages,
  type Lane,
  messageIdOf,
  type NormalisedMessage,
  type Reading,
  type Report,
} from '#libs/contracts';
import type { StoreBatch } from '../telemetry-store.port.js';

/** 2026-03-10 00:00 in Asia/Shanghai. */
export const dayStart = Date.UTC(2026, 2, 9, 16);

/** A message of one report, changed where a test cares. */
export function messageOf(
  change: Partial<NormalisedMessage> & { deviceKey: string },
  ...reports: (Partial<Report> & { values: Record<string, Reading['value']> })[]
): NormalisedMessage {
  const receivedAt = change.receivedAt ?? reports[0]?.observedAt ?? dayStart;
  return {
    messageId: 'b.0.1.0',
    tenantKey: 'tenant-a',
    productKey: 'water-meter',
    productVersion: 1,
    outcome: 'decoded',
    reason: '',
    decoder: 'json@1',
    frame: Buffer.from(`{"device":"${change.deviceKey}"}`),
    ...change,
    receivedAt,
    reports: reports.map(({ values, ...report }) => ({
      observedAt: receivedAt,
      revision: 0,
      readings: Object.entries(values).map(([metric, value]) => ({ metric, value, quality: 0 })),
      ...report,
    })),
  };
}

/** An entry of messages as the stage hands it over; ids are given by position and index. */
export function batchOf(
  messages: readonly NormalisedMessage[],
  place: { position: number; partition?: number; lane?: Lane; messagesBefore?: number },
): StoreBatch {
  const { position, partition = 0, lane = 'bulk', messagesBefore = 0 } = place;
  const named = messages.map((message, index) => ({
    ...message,
    messageId: message.messageId === 'b.0.1.0' ? messageIdOf(lane, partition, position, index) : message.messageId,
  }));
  return { lane, partition, position, messagesBefore, data: encodeNormalisedMessages(named) };
}

/** What a crash script appends at `position`. */
export function crashBatch(position: number): StoreBatch {
  const message = messageOf({ deviceKey: 'crash' }, { observedAt: dayStart + position, values: { level: position } });
  return batchOf([message], { position });
}
