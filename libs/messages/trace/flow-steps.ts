import { qualityNames, streams } from '#libs/contracts';
import type { LetterFact, TraceFacts } from './trace-facts.js';
import type { TraceStep } from './trace-step.js';

/** Readings shown of one message. */
const shownReadings = 100;

/** The gateway took it from the device. */
export function received({ raw, normalised: found, frame, kind }: TraceFacts): TraceStep {
  const at = raw?.message.receivedAt ?? found?.message.receivedAt ?? frame?.receivedAt;
  const bytes = raw?.bytes ?? frame?.bytes.byteLength;
  const detail = { kind: kind ?? null, name: raw?.message.name || null, bytes: bytes ?? null };
  return { step: 'received', status: at === undefined ? 'expired' : 'done', at, detail };
}

/** It was durable in `raw`, and only then acknowledged to the device. That it has an id says that it was. */
export function acknowledged({ raw, place: { lane, partition, position } }: TraceFacts): TraceStep {
  const entry = { stream: streams.raw, lane, partition, position };
  return { step: 'acknowledged', status: raw ? 'done' : 'expired', at: raw?.appendedAt, entry, detail: {} };
}

/** What the normaliser made of it. */
export function normalised(facts: TraceFacts): TraceStep {
  const { normalised: found, frame, standings, place, duplicateOf } = facts;
  const step = 'normalised';
  const about = found?.message ?? frame;
  if (about) {
    const { outcome, reason, decoder, productVersion } = about;
    const detail: Record<string, unknown> = {
      outcome,
      reason: reason || null,
      decoder: decoder || null,
      productVersion,
      ...readingsOf(facts),
    };
    if (outcome === 'duplicate') detail.duplicateOf = duplicateOf ?? null;
    return {
      step,
      status: outcome === 'rejected' ? 'failed' : 'done',
      at: found?.appendedAt,
      entry: found && { stream: streams.readings, ...laneAndPartition(facts), position: found.position },
      detail,
    };
  }
  const letter = givenUpBy(facts, 'normaliser');
  if (letter) return { step, status: 'failed', at: letter.at, detail: { reason: letter.reason } };
  if (place.position > standings.normaliser.acknowledged) return { ...waiting(step), waitsFor: standings.normaliser };
  return { step, status: 'expired', detail: {} };
}

/** What was refused of it, and by whom. Nothing where nothing was. */
export function deadLettered(facts: TraceFacts): TraceStep[] {
  const { letters, withheld, standings } = facts;
  const step = 'dead_lettered';
  const rejected = outcomeOf(facts) === 'rejected';
  if (withheld.deadLetters) return rejected || letters.length > 0 ? [{ step, status: 'withheld', detail: {} }] : [];
  if (letters.length > 0) {
    return letters.map(({ id = null, stage, reason, detail, at, replayedAt, replayedBy = null }) => ({
      step,
      status: replayedAt === undefined ? 'failed' : 'done',
      at,
      detail: { deadLetterId: id, stage, reason, problem: detail, replayedAt: instant(replayedAt), replayedBy },
    }));
  }
  if (!rejected) return [];
  const { deadLetters } = standings;
  return deadLetters.acknowledged < deadLetters.last
    ? [{ ...waiting(step), waitsFor: deadLetters }]
    : [{ step, status: 'expired', detail: {} }];
}

/** It is in the telemetry store: its frame always, its readings where it brought any. */
export function stored(facts: TraceFacts): TraceStep {
  const { frame, normalised: found, storedUpTo, standings } = facts;
  const step = 'stored';
  if (frame) return { step, status: 'done', at: frame.storedAt, detail: {} };
  if (givenUpBy(facts, 'normaliser')) return { step, status: 'skipped', detail: {} };
  const refused = facts.letters.find(({ stage }) => stage === 'readings');
  if (refused) return { step, status: 'failed', at: refused.at, detail: { reason: refused.reason } };
  const upstream = waitsUpstream(facts, step);
  if (upstream) return upstream;
  if (found && found.position > storedUpTo) return { ...waiting(step), waitsFor: standings.readings };
  return { step, status: 'expired', detail: {} };
}

/** The rules have seen it, and what it changed of their verdicts. */
export function judged(facts: TraceFacts): TraceStep {
  const { normalised: found, standings, transitions, alerts, withheld } = facts;
  const step = 'judged';
  const outcome = outcomeOf(facts);
  if (outcome === 'duplicate' || outcome === 'rejected' || givenUpBy(facts, 'normaliser')) {
    return { step, status: 'skipped', detail: {} };
  }
  const upstream = waitsUpstream(facts, step);
  if (upstream) return upstream;
  const letter = givenUpBy(facts, 'rules');
  if (letter) return { step, status: 'failed', at: letter.at, detail: { reason: letter.reason } };
  if (found && found.position > standings.rules.acknowledged) return { ...waiting(step), waitsFor: standings.rules };
  // What `readings` no longer keeps, every group has acknowledged.
  if (withheld.alerts) return { step, status: 'done', detail: {} };
  const verdicts = transitions.map(({ transition: { ruleKey, kind, severity, subject } }) => ({
    ruleId: ruleKey,
    kind,
    severity,
    subject,
  }));
  const told = alerts.map(({ ruleId, kind, severity, subject }) => ({ ruleId, kind, severity, subject }));
  const at = transitions[0]?.transition.judgedAt;
  return { step, status: 'done', at, detail: { verdicts: verdicts.length > 0 ? verdicts : told } };
}

/** A step that has not been taken yet. */
export function waiting(step: TraceStep['step']): TraceStep {
  return { step, status: 'pending', detail: {} };
}

/** RFC 3339, or null where it is not known. */
export function instant(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

function outcomeOf({ normalised: found, frame }: TraceFacts) {
  return found?.message.outcome ?? frame?.outcome;
}

function givenUpBy({ letters }: TraceFacts, stage: string): LetterFact | undefined {
  return letters.find((letter) => letter.stage === stage && letter.reason === 'stage_failed');
}

/** What waits for the normaliser waits everywhere behind it. */
function waitsUpstream({ normalised: found, frame, place, standings }: TraceFacts, step: TraceStep['step']) {
  if (found || frame || place.position <= standings.normaliser.acknowledged) return undefined;
  return { ...waiting(step), waitsFor: standings.normaliser };
}

function laneAndPartition({ place: { lane, partition } }: TraceFacts) {
  return { lane, partition };
}

function readingsOf({ normalised: found, readings }: TraceFacts): Record<string, unknown> {
  const all = found
    ? found.message.reports.flatMap(({ observedAt, readings: of }) => of.map((one) => ({ ...one, observedAt })))
    : readings;
  const events = found?.message.reports.flatMap(({ event }) => (event === undefined ? [] : [event])) ?? [];
  return {
    readings: all.slice(0, shownReadings).map(({ metric, value, quality, observedAt }) => ({
      metric,
      value,
      quality: qualityNames(quality),
      observedAt: instant(Math.min(Math.max(observedAt, -8.64e15), 8.64e15)),
    })),
    readingCount: all.length,
    ...(events.length > 0 && { events }),
  };
}
