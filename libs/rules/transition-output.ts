import { v5 } from 'uuid';
import {
  encodeGroupReadings,
  encodeTransitions,
  type GroupReading,
  partitionOf,
  streams,
  type Transition,
} from '#libs/contracts';
import type { Append, Source, StageResult, StateChange } from '#libs/stream';
import type { Verdict } from './rule.js';

/** Namespace of transition ids: changing it would raise every alert under way again. */
const namespace = '5b8f6a52-6a0c-5d0e-9c1f-2f6f0f6f7a11';
/** Entries stay small enough to be read one by one. */
const perEntry = 500;

/** Whom a verdict is about and what brought it about. */
export interface VerdictContext {
  rule: Pick<Transition, 'severity'> & { key: string; revision: number };
  tenantKey: string;
  deviceKey: string;
  subject: string;
  judgedAt: number;
  messageId: string;
  /** Tells verdicts of one message or of timers apart; the same when the message is judged again. */
  cause: string;
}

/** The transition of a verdict; its id is the same whenever the same message is judged from the same state. */
export function transitionOf(verdict: Verdict, context: VerdictContext): Transition {
  const { rule, tenantKey, deviceKey, subject, judgedAt, messageId, cause } = context;
  return {
    id: v5(`${rule.key}|${subject}|${verdict.kind}|${messageId}|${cause}`, namespace),
    kind: verdict.kind,
    tenantKey,
    ruleKey: rule.key,
    ruleRevision: rule.revision,
    deviceKey,
    subject,
    severity: rule.severity,
    observedAt: verdict.observedAt,
    judgedAt,
    messageId,
    evidence: verdict.evidence,
  };
}

/** What one call of a stage brings about: transitions, readings of groups, and state, kept together or not at all. */
export class TransitionOutput {
  readonly transitions: Transition[] = [];
  readonly groupReadings: GroupReading[] = [];
  private readonly state = new Map<string, Uint8Array | undefined>();

  save(key: string, value: Uint8Array | undefined): void {
    this.state.set(key, value);
  }

  /** For a source's lane and partition; group readings go to the partition of their group, always urgent. */
  result({ lane, partition }: Source, partitions: number): StageResult {
    const append: Append[] = [];
    for (let at = 0; at < this.transitions.length; at += perEntry) {
      const data = encodeTransitions(this.transitions.slice(at, at + perEntry));
      append.push({ stream: streams.transitions, lane, partition, data });
    }
    const byPartition = new Map<number, GroupReading[]>();
    for (const reading of this.groupReadings) {
      const target = partitionOf(reading.group, partitions);
      const readings = byPartition.get(target);
      if (readings) readings.push(reading);
      else byPartition.set(target, [reading]);
    }
    for (const [target, readings] of byPartition) {
      append.push({
        stream: streams.groupReadings,
        lane: 'urgent',
        partition: target,
        data: encodeGroupReadings(readings),
      });
    }
    const state: StateChange[] = [...this.state].map(([key, value]) => ({ key, value }));
    return { append, state };
  }
}
