import type { Lane } from '#libs/contracts';
import type { Standing } from './trace-facts.js';

/** The way of a message, in the order of the flow. Codes are for programs and stay as they are. */
export const stepCodes = [
  'received',
  'acknowledged',
  'normalised',
  'dead_lettered',
  'stored',
  'judged',
  'alerted',
  'notified',
] as const;
export type StepCode = (typeof stepCodes)[number];

/**
 * done and failed have happened; pending will; skipped will not, and need not; expired has happened, and what came of it is no
 * longer kept; withheld is not the reader's to see.
 */
export const stepStatuses = ['done', 'failed', 'pending', 'skipped', 'expired', 'withheld'] as const;
export type StepStatus = (typeof stepStatuses)[number];

/** One step. Times are epoch milliseconds. */
export interface TraceStep {
  step: StepCode;
  status: StepStatus;
  /** When it happened, where that is known. */
  at?: number;
  /** The entry that it left in a stream. */
  entry?: { stream: string; lane: Lane; partition: number; position: number };
  /** What it waits for. */
  waitsFor?: Standing;
  detail: Record<string, unknown>;
}
