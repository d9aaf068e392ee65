import { instant } from './flow-steps.js';
import type { MessageTraceView, TraceStepView } from './trace.dto.js';
import { traceOf } from './trace.js';
import type { TraceFacts } from './trace-facts.js';
import { labelOf } from './trace-labels.js';
import type { TraceStep } from './trace-step.js';

const millisecondsPerSecond = 1_000;

/** A trace as REST shows it. */
export function traceView(facts: TraceFacts, deviceId: string): MessageTraceView {
  const { status, current, steps } = traceOf(facts);
  return {
    messageId: facts.messageId,
    deviceId,
    kind: facts.kind ?? null,
    status,
    summary: labelOf(current),
    steps: steps.map(stepView),
  };
}

function stepView(step: TraceStep): TraceStepView {
  const { waitsFor } = step;
  return {
    step: step.step,
    status: step.status,
    label: labelOf(step),
    at: instant(step.at),
    entry: step.entry ?? null,
    waitsFor: waitsFor
      ? {
          stage: waitsFor.stage,
          stream: waitsFor.stream,
          lane: waitsFor.lane,
          partition: waitsFor.partition,
          acknowledged: waitsFor.acknowledged,
          last: waitsFor.last,
          messages: waitsFor.messages,
          ageSeconds: waitsFor.ageMs / millisecondsPerSecond,
        }
      : null,
    detail: step.detail,
  };
}
