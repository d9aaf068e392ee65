import { describe, expect, it } from '@jest/globals';
import type { FrameOutcome, Transition } from '#libs/contracts';
import type { StoredFrame } from '#libs/telemetry-store';
import { traceOf } from './trace.js';
import type {
  AlertFact,
  DeliveryFact,
  LetterFact,
  NormalisedFact,
  NotificationFact,
  Standing,
  TraceFacts,
} from './trace-facts.js';
import { labelOf } from './trace-labels.js';
import { stepCodes, type TraceStep } from './trace-step.js';
import { traceView } from './trace-views.js';

const at = Date.UTC(2026, 2, 10, 4);
const messageId = 'u.3.7.1';

const standing = (stage: string, acknowledged: number, last = acknowledged): Standing => ({
  stage,
  stream: 's',
  lane: 'urgent',
  partition: 3,
  acknowledged,
  last,
  messages: last - acknowledged,
  ageMs: 1_500,
});
const about = (outcome: FrameOutcome) => ({
  messageId,
  tenantKey: 't',
  deviceKey: 'd',
  productKey: 'p',
  productVersion: 2,
  receivedAt: at,
  outcome,
  reason: outcome === 'rejected' ? 'payload_not_json' : '',
  decoder: 'json@1',
});
const normalised = (outcome: FrameOutcome, position = 5): NormalisedFact => ({
  message: {
    ...about(outcome),
    reports:
      outcome === 'decoded'
        ? [{ observedAt: at, revision: 0, readings: [{ metric: 'fire', value: true, quality: 0 }] }]
        : [],
  },
  position,
  appendedAt: at + 20,
});
const frame = (outcome: FrameOutcome): StoredFrame => ({
  ...about(outcome),
  storedAt: at + 30,
  bytes: Buffer.from('x'),
});
const letter = (stage: string, reason: string, more: Partial<LetterFact> = {}): LetterFact => ({
  id: 'letter',
  stage,
  reason,
  detail: 'why',
  at: at + 25,
  replayedAt: undefined,
  replayedBy: undefined,
  ...more,
});
const transition = (kind: Transition['kind'] = 'raised'): Transition => ({
  id: kind,
  kind,
  tenantKey: 't',
  ruleKey: 'rule',
  ruleRevision: 1,
  deviceKey: 'd',
  subject: 'd',
  severity: 'critical',
  observedAt: at,
  judgedAt: at + 40,
  messageId,
  evidence: {},
});
const alert = (kind: string, notification?: NotificationFact): AlertFact => ({
  alertId: 'alert',
  status: 'open',
  severity: 'critical',
  titles: { zh: '火警', en: 'Fire' },
  ruleId: 'rule',
  subject: 'd',
  kind,
  at: at + 50,
  notification,
});
const told = (relayed: boolean, ...deliveries: DeliveryFact['status'][]): NotificationFact => ({
  id: 'event',
  type: 'cn.citysense.alert.raised',
  relayed,
  deliveries: deliveries.map((status, index) => ({
    id: `delivery-${index}`,
    endpointId: 'endpoint',
    endpointName: 'desk',
    status,
    attempts: 1,
    nextAttemptAt: status === 'pending' ? at + 90 : undefined,
    finishedAt: status === 'pending' ? undefined : at + 80,
    lastError: status === 'delivered' ? undefined : 'ECONNREFUSED',
  })),
});

/** A message that has gone all the way, unless told otherwise. */
function facts(change: Partial<TraceFacts> = {}): TraceFacts {
  const { standings, ...others } = change;
  return {
    messageId,
    place: { lane: 'urgent', partition: 3, position: 7, index: 1 },
    raw: {
      message: { kind: 'telemetry', tenantKey: 't', deviceKey: 'd', productKey: 'p', receivedAt: at, name: '' },
      bytes: 10,
      appendedAt: at + 10,
    },
    normalised: normalised('decoded'),
    frame: frame('decoded'),
    duplicateOf: undefined,
    readings: [],
    storedUpTo: 5,
    standings: {
      normaliser: standing('normaliser', 7),
      readings: standing('readings', 5),
      rules: standing('rules', 5),
      alerts: standing('alerts', 1),
      deadLetters: standing('dead-letters', 1),
      ...standings,
    },
    notifiers: new Map([['alert', standing('notifier', 1)]]),
    kind: 'telemetry',
    letters: [],
    transitions: [],
    alerts: [],
    withheld: { alerts: false, deadLetters: false },
    ...others,
  };
}
const behind = (stage: keyof TraceFacts['standings']) => ({
  standings: { ...facts().standings, [stage]: standing(stage, 0, 9) },
});
const gone = { raw: undefined, normalised: undefined, frame: undefined };
/** `<step>:<status>`, with the stage that it waits for; the first two are always done where `raw` has it. */
const words = ({ step, status, waitsFor }: TraceStep) => `${step}:${status}${waitsFor ? `(${waitsFor.stage})` : ''}`;
const kept = 'received:done acknowledged:done';
const through = `${kept} normalised:done stored:done judged:done`;
const raised = { transitions: [{ transition: transition(), appliedAt: at + 50, countedIn: 'alert' }] };

describe('traceOf', () => {
  it.each<[string, Partial<TraceFacts>, string, string]>([
    ['a reading that raised nothing', {}, `${through} alerted:skipped`, 'complete judged'],
    [
      'before the normaliser',
      { ...gone, raw: facts().raw, ...behind('normaliser') },
      `${kept} normalised:pending(normaliser) stored:pending(normaliser) judged:pending(normaliser)`,
      'in_flight normalised',
    ],
    [
      'before the store',
      { frame: undefined, storedUpTo: 4 },
      `${kept} normalised:done stored:pending(readings) judged:done alerted:skipped`,
      'in_flight stored',
    ],
    [
      'before the rules',
      behind('rules'),
      `${kept} normalised:done stored:done judged:pending(rules)`,
      'in_flight judged',
    ],
    [
      'before the alerts',
      { transitions: [{ transition: transition(), appliedAt: undefined, countedIn: undefined }] },
      `${through} alerted:pending(alerts)`,
      'in_flight alerted',
    ],
    [
      'in the outbox',
      { ...raised, alerts: [alert('raised', told(false))] },
      `${through} alerted:done notified:pending`,
      'in_flight notified',
    ],
    [
      'before the notifier',
      {
        ...raised,
        alerts: [alert('raised', told(true))],
        notifiers: new Map([['alert', standing('notifier', 0, 4)]]),
      },
      `${through} alerted:done notified:pending(notifier)`,
      'in_flight notified',
    ],
    [
      'told to nobody',
      { ...raised, alerts: [alert('raised', told(true))] },
      `${through} alerted:done notified:skipped`,
      'complete alerted',
    ],
    [
      'delivered, under way and given up',
      { ...raised, alerts: [alert('raised', told(true, 'delivered', 'pending', 'dead'))] },
      `${through} alerted:done notified:done notified:pending notified:failed`,
      'in_flight notified',
    ],
    [
      'given up by the notifier',
      { ...raised, alerts: [alert('raised', told(true, 'dead'))] },
      `${through} alerted:done notified:failed`,
      'failed notified',
    ],
    [
      'an alert whose notification is no longer kept',
      { alerts: [alert('raised')] },
      `${through} alerted:done notified:expired`,
      'complete alerted',
    ],
    [
      'one of a run of repetitions, in the middle and at its end',
      {
        transitions: [{ transition: transition('repeated'), appliedAt: at + 50, countedIn: 'alert' }],
      },
      `${through} alerted:done`,
      'complete alerted',
    ],
    [
      'the last of a run of repetitions',
      { alerts: [alert('repeated')] },
      `${through} alerted:done`,
      'complete alerted',
    ],
    [
      'a clear of what was not open',
      { transitions: [{ transition: transition('cleared'), appliedAt: at + 50, countedIn: undefined }] },
      `${through} alerted:skipped`,
      'complete judged',
    ],
    [
      'rejected',
      {
        normalised: normalised('rejected'),
        frame: frame('rejected'),
        letters: [letter('normaliser', 'payload_not_json')],
      },
      `${kept} normalised:failed dead_lettered:failed stored:done judged:skipped`,
      'failed normalised',
    ],
    [
      'rejected, its letter on the way',
      { normalised: normalised('rejected'), frame: frame('rejected'), ...behind('deadLetters') },
      `${kept} normalised:failed dead_lettered:pending(deadLetters) stored:done judged:skipped`,
      'in_flight dead_lettered',
    ],
    [
      'rejected, its letter no longer kept',
      { normalised: normalised('rejected'), frame: frame('rejected') },
      `${kept} normalised:failed dead_lettered:expired stored:done judged:skipped`,
      'failed normalised',
    ],
    [
      'rejected, for who may not see letters',
      {
        normalised: normalised('rejected'),
        frame: frame('rejected'),
        letters: [letter('normaliser', 'payload_not_json')],
        withheld: { alerts: true, deadLetters: true },
      },
      `${kept} normalised:failed dead_lettered:withheld stored:done judged:skipped`,
      'failed normalised',
    ],
    [
      'a duplicate',
      { normalised: normalised('duplicate'), frame: frame('duplicate'), duplicateOf: 'u.3.6.0' },
      `${kept} normalised:done stored:done judged:skipped`,
      'complete stored',
    ],
    [
      'given up by the normaliser',
      { normalised: undefined, frame: undefined, letters: [letter('normaliser', 'stage_failed')] },
      `${kept} normalised:failed dead_lettered:failed stored:skipped judged:skipped`,
      'failed normalised',
    ],
    [
      'given up by the rules, and replayed',
      { letters: [letter('rules', 'stage_failed', { replayedAt: at + 99, replayedBy: 'ann' })] },
      `${kept} normalised:done dead_lettered:done stored:done judged:failed`,
      'failed judged',
    ],
    [
      'refused by the store',
      { frame: undefined, letters: [letter('readings', 'store_refused')] },
      `${kept} normalised:done dead_lettered:failed stored:failed judged:done alerted:skipped`,
      'failed dead_lettered',
    ],
    [
      'older than the streams keep',
      { raw: undefined, normalised: undefined, kind: undefined },
      'received:done acknowledged:expired normalised:done stored:done judged:done alerted:skipped',
      'complete judged',
    ],
    [
      'older than everything but its alert',
      { ...gone, alerts: [alert('raised')] },
      'received:expired acknowledged:expired normalised:expired stored:expired judged:done alerted:done notified:expired',
      'complete alerted',
    ],
    [
      'seen by a vendor',
      { ...raised, alerts: [alert('raised')], withheld: { alerts: true, deadLetters: true } },
      `${through} alerted:withheld`,
      'complete judged',
    ],
    [
      'a connection',
      { normalised: normalised('connected'), frame: frame('connected') },
      `${through} alerted:skipped`,
      'complete judged',
    ],
  ])('%s', (_what, change, want, where) => {
    const { steps, status, current } = traceOf(facts(change));
    expect(steps.map(words).join(' ')).toBe(want);
    expect(`${status} ${current.step}`).toBe(where);
    for (const step of steps) expect(labelOf(step).zh).not.toBe(step.step);
    const places = steps.map(({ step }) => stepCodes.indexOf(step));
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });
});

describe('traceView', () => {
  it('says how far the stage is that a step waits for', () => {
    const { steps, summary } = traceView(facts(behind('rules')), 'smoke-1');
    expect(steps.at(-1)).toEqual({
      step: 'judged',
      status: 'pending',
      label: summary,
      at: null,
      entry: null,
      waitsFor: {
        stage: 'rules',
        stream: 's',
        lane: 'urgent',
        partition: 3,
        acknowledged: 0,
        last: 9,
        messages: 9,
        ageSeconds: 1.5,
      },
      detail: {},
    });
  });

  it('shows no more than a hundred readings, and how many there are', () => {
    const many = normalised('decoded');
    const reading = { metric: 'level', value: 1, quality: 4 };
    many.message.reports = [
      { observedAt: 1e17, revision: 0, readings: Array.from({ length: 150 }, () => reading), event: 'burst' },
    ];
    const { detail } = traceView(facts({ normalised: many }), 'd').steps[2] as { detail: Record<string, unknown[]> };
    expect(detail.readings).toHaveLength(100);
    expect(detail.readings?.[0]).toMatchObject({
      quality: ['out_of_range'],
      observedAt: '+275760-09-13T00:00:00.000Z',
    });
    expect(detail).toMatchObject({ readingCount: 150, events: ['burst'] });
  });
});
