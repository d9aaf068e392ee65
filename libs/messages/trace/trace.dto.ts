import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { type Lane, lanes, rawKinds } from '#libs/contracts';
import { traceStatuses } from './trace.js';
import { stepCodes, stepStatuses } from './trace-step.js';

const longestDeviceId = 64;

/** Whose message it is, where nothing else tells any more. */
export class TraceQuery {
  @ApiPropertyOptional({
    description:
      'Device id, in any letter case. Needed where the message is older than the stream keeps and has no dead letter and no alert.',
  })
  @IsOptional()
  @IsString()
  @MaxLength(longestDeviceId)
  device?: string;
}

/** What something is called, in both languages. */
export class TraceLabelView {
  @ApiProperty()
  zh: string;

  @ApiProperty()
  en: string;
}

/** An entry of a stream. */
export class TraceEntryView {
  @ApiProperty({ example: 'raw' })
  stream: string;

  @ApiProperty({ enum: lanes })
  lane: Lane;

  @ApiProperty()
  partition: number;

  @ApiProperty()
  position: number;
}

/** The stage that a step waits for, and how far it is in the lane and partition of the message. */
export class WaitsForView {
  @ApiProperty({ example: 'normaliser' })
  stage: string;

  @ApiProperty({ example: 'raw' })
  stream: string;

  @ApiProperty({ enum: lanes })
  lane: Lane;

  @ApiProperty()
  partition: number;

  @ApiProperty({ description: 'Position up to which it has acknowledged' })
  acknowledged: number;

  @ApiProperty({ description: 'Position of the last entry' })
  last: number;

  @ApiProperty({ description: 'Messages that it has not acknowledged' })
  messages: number;

  @ApiProperty({ description: 'Age of the oldest of these' })
  ageSeconds: number;
}

/** One step of a message's way. */
export class TraceStepView {
  @ApiProperty({ enum: stepCodes, description: 'Stable code; alerted and notified may come several times' })
  step: (typeof stepCodes)[number];

  @ApiProperty({
    enum: stepStatuses,
    description:
      'done, failed: it happened. pending: it will. skipped: it will not, and need not. expired: it happened, and what came of it is no longer kept. withheld: not yours to see.',
  })
  status: (typeof stepStatuses)[number];

  @ApiProperty({ type: TraceLabelView })
  label: TraceLabelView;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When it happened, where known' })
  at: string | null;

  @ApiProperty({ type: TraceEntryView, nullable: true, description: 'The entry that it left in a stream' })
  entry: TraceEntryView | null;

  @ApiProperty({ type: WaitsForView, nullable: true })
  waitsFor: WaitsForView | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description:
      'received: kind, name, bytes. normalised: outcome, reason, decoder, productVersion, readings, readingCount, events, duplicateOf. dead_lettered: deadLetterId, stage, reason, problem, replayedAt, replayedBy. judged: verdicts. alerted: alertId, kind, severity, alertStatus, titles, ruleId, subject. notified: alertId, eventId, type, deliveryId, endpointId, endpointName, attempts, lastError, nextAttemptAt.',
  })
  detail: Record<string, unknown>;
}

/** Where a message is, and every step of its way there. */
export class MessageTraceView {
  @ApiProperty({ example: 'u.3.1542.7' })
  messageId: string;

  @ApiProperty()
  deviceId: string;

  @ApiProperty({ type: String, enum: rawKinds, nullable: true })
  kind: string | null;

  @ApiProperty({
    enum: traceStatuses,
    description: 'in_flight while anything is pending, else failed where anything failed, else complete',
  })
  status: (typeof traceStatuses)[number];

  @ApiProperty({
    type: TraceLabelView,
    description: 'Where it is: the first step that is pending, else the first that failed, else the last done',
  })
  summary: TraceLabelView;

  @ApiProperty({ type: [TraceStepView] })
  steps: TraceStepView[];
}
