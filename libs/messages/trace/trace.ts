import { alertSteps } from './alert-steps.js';
import { acknowledged, deadLettered, judged, normalised, received, stored } from './flow-steps.js';
import type { TraceFacts } from './trace-facts.js';
import type { TraceStep } from './trace-step.js';

/** Where the message is: `in_flight` while anything is pending, else `failed` where anything failed. */
export const traceStatuses = ['in_flight', 'failed', 'complete'] as const;
export type TraceStatus = (typeof traceStatuses)[number];

/** A message's way, and where on it it is. */
export interface Trace {
  status: TraceStatus;
  /** The step that says where it is: the first that is pending, else the first that failed, else the last that is done. */
  current: TraceStep;
  steps: readonly TraceStep[];
}

/** What is known of a message, told in the order of the flow. */
export function traceOf(facts: TraceFacts): Trace {
  const verdict = judged(facts);
  const steps = [
    received(facts),
    acknowledged(facts),
    normalised(facts),
    ...deadLettered(facts),
    stored(facts),
    verdict,
    ...alertSteps(facts, verdict),
  ];
  const pending = steps.find(({ status }) => status === 'pending');
  const failed = steps.find(({ status }) => status === 'failed');
  const last = steps.findLast(({ status }) => status === 'done') ?? (steps[0] as TraceStep);
  return {
    status: pending ? 'in_flight' : failed ? 'failed' : 'complete',
    current: pending ?? failed ?? last,
    steps,
  };
}
