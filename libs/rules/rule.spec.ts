import { describe, expect, it } from '@jest/globals';
import { qualityFlags } from '#libs/contracts';
import type { RuleDefinitionInput } from './rule-definition.js';
import { runScript, type Step } from './testing/index.js';

interface Case {
  name: string;
  rule: RuleDefinitionInput;
  steps: Step[];
  want: string[];
  intervalSeconds?: number;
  settings?: Record<string, unknown>;
}

const high: RuleDefinitionInput = {
  kind: 'threshold',
  conditions: [{ metric: 'level', operator: '>', value: 10, clear: 8 }],
};
const low: RuleDefinitionInput = {
  kind: 'threshold',
  conditions: [{ metric: 'pressure', operator: '<', value: 140, clear: 160 }],
  forMs: 60_000,
};
const smoke: RuleDefinitionInput = {
  kind: 'threshold',
  conditions: [
    { metric: 'fire', operator: '==', value: true },
    { metric: 'alarmPhase', operator: '==', value: 'alarm', clear: ['normal', 'restored'] },
  ],
  holdWhile: [{ metric: 'test', operator: '==', value: true }],
};
const occupied: RuleDefinitionInput = {
  kind: 'threshold',
  conditions: [{ metric: 'status', operator: '==', value: 'occupied', clear: ['free', 'closed'] }],
  forMs: 600_000,
  forSetting: { name: 'overstayMinutes', unitMs: 60_000 },
};
const hotAndSmoky: RuleDefinitionInput = {
  kind: 'threshold',
  match: 'all',
  conditions: [
    { metric: 'temperature', operator: '>', value: 60 },
    { metric: 'smoke', operator: '==', value: true },
  ],
};
const faulty: RuleDefinitionInput = {
  kind: 'threshold',
  conditions: [
    { metric: 'fault', operator: '==', value: true },
    { metric: 'mainsFault', operator: '==', value: true },
  ],
};
const closing: RuleDefinitionInput = { kind: 'change', metric: 'valve', from: ['open'], to: ['closed'] };
const status = (at: number, value: string): Step => ({ at, push: { status: value } });

const cases: Case[] = [
  {
    name: 'threshold: raises at once, holds between value and clear, clears at clear',
    rule: high,
    steps: [
      { at: 1, push: { level: 10 } },
      { at: 2, push: { level: 10.1 } },
      { at: 3, push: { level: 9 } },
      { at: 4, push: { level: 11 } },
      { at: 5, push: { level: 8 } },
      { at: 6, push: { level: 9 } },
    ],
    want: ['raised@2', 'cleared@5'],
  },
  {
    name: 'threshold: repeats at most every repeatMs, and only with fresh evidence',
    rule: { ...high, repeatMs: 10_000 },
    steps: [
      { at: 1, push: { level: 11 } },
      { at: 5, push: { level: 12 } },
      { at: 12, push: { level: 12 } },
      { at: 30, push: { level: 9 } },
      { at: 31, push: { level: 12 } },
    ],
    want: ['raised@1', 'repeated@12', 'repeated@31'],
  },
  {
    name: 'threshold: after a clear it waits out its cooldown, then raises by itself what still holds',
    rule: { ...high, cooldownMs: 20_000 },
    steps: [
      { at: 1, push: { level: 11 } },
      { at: 2, push: { level: 1 } },
      { at: 5, push: { level: 11 } },
      { at: 21 },
      { at: 23 },
    ],
    want: ['raised@1', 'cleared@2', 'raised@22'],
  },
  {
    name: 'threshold: a report is judged as one, never half of it with half of the one before',
    rule: hotAndSmoky,
    steps: [
      { at: 1, push: { temperature: 70, smoke: false } },
      { at: 2, push: { smoke: true, temperature: 20 } },
      { at: 3, push: { temperature: 70, smoke: true } },
      { at: 4, push: { smoke: false, temperature: 80 } },
    ],
    want: ['raised@3', 'cleared@4'],
  },
  {
    name: 'threshold: what one report does not say goes on as the one before said',
    rule: hotAndSmoky,
    steps: [
      { at: 1, push: { temperature: 70 } },
      { at: 2, push: { smoke: true } },
    ],
    want: ['raised@2'],
  },
  {
    name: 'threshold: one reason giving way to another within a report is no end',
    rule: faulty,
    steps: [
      { at: 1, push: { fault: true, mainsFault: false } },
      { at: 2, push: { fault: false, mainsFault: true } },
      { at: 3, push: { fault: false, mainsFault: false } },
    ],
    want: ['raised@1', 'cleared@3'],
  },
  {
    name: 'threshold: a report repeats once, however many of its readings meet the rule',
    rule: { ...faulty, repeatMs: 1_000 },
    steps: [
      { at: 1, push: { fault: true, mainsFault: true } },
      { at: 2, push: { fault: true, mainsFault: true } },
      { at: 3, push: { fault: true, mainsFault: true } },
    ],
    want: ['raised@1', 'repeated@2', 'repeated@3'],
  },
  {
    name: 'threshold: the device going on for forMs raises at that moment, between readings',
    rule: low,
    steps: [{ at: 0, push: { pressure: 100 } }, { at: 40, push: { pressure: 120 } }, { at: 59 }, { at: 61 }],
    want: ['raised@60'],
  },
  {
    name: 'threshold: a dip shorter than forMs raises nothing',
    rule: low,
    steps: [{ at: 0, push: { pressure: 100 } }, { at: 50, push: { pressure: 170 } }, { at: 200 }],
    want: [],
  },
  {
    name: 'threshold: nobody knows that it went on while the device was unheard of, so the time starts anew',
    rule: { ...low, forMs: 600_000 },
    steps: [
      { at: 0, push: { pressure: 100 } },
      { at: 700, push: { pressure: 100 } },
      { at: 760, push: { pressure: 100 } },
      ...[...Array(10).keys()].map((n) => ({ at: 820 + 60 * n, push: { pressure: 100 } })),
      { at: 1400 },
    ],
    want: ['raised@1300'],
  },
  {
    name: 'threshold: hearing anything of the device proves it alive, so a state holds until told otherwise',
    rule: occupied,
    steps: [
      status(0, 'occupied'),
      ...[...Array(9).keys()].map((n) => ({ at: 60 * (n + 1), push: { battery: 3.1 } })),
      { at: 601 },
    ],
    want: ['raised@600'],
  },
  {
    name: "threshold: a device's own duration goes before the rule's",
    rule: occupied,
    settings: { overstayMinutes: 1 },
    steps: [status(0, 'occupied'), { at: 90 }],
    want: ['raised@60'],
  },
  {
    name: 'overstay: unknown is neither free nor a departure',
    rule: occupied,
    intervalSeconds: 600,
    steps: [status(0, 'occupied'), status(300, 'unknown'), { at: 601 }, status(700, 'unknown'), status(900, 'free')],
    want: ['raised@600', 'cleared@900'],
  },
  {
    name: 'fire: raised at once, repeated alarms are one, cleared when it is over',
    rule: smoke,
    steps: [
      { at: 1, push: { fire: true } },
      { at: 2, push: { fire: true } },
      { at: 3, push: { fire: false } },
    ],
    want: ['raised@1', 'cleared@3'],
  },
  {
    name: 'fire: a test is no alarm, and never ends one',
    rule: smoke,
    steps: [
      { at: 1, push: { test: true, fire: false } },
      { at: 2, push: { fire: true } },
      { at: 3, push: { test: true, fire: false, alarmPhase: 'normal' } },
      { at: 4, push: { test: false, fire: false } },
    ],
    want: ['raised@2', 'cleared@4'],
  },
  {
    name: 'fire: an alarm during a test is an alarm',
    rule: smoke,
    steps: [{ at: 1, push: { test: true, fire: true } }],
    want: ['raised@1'],
  },
  {
    name: 'fire: muting is sound only',
    rule: smoke,
    steps: [
      { at: 1, push: { alarmPhase: 'alarm' } },
      { at: 2, push: { alarmPhase: 'muted', muted: true } },
      { at: 3, push: { alarmPhase: 'restored' } },
    ],
    want: ['raised@1', 'cleared@3'],
  },
  {
    name: 'fire: a detector with a dead clock still alarms',
    rule: smoke,
    steps: [{ at: 1, push: { fire: true }, quality: qualityFlags.clock_suspect }],
    want: ['raised@1'],
  },
  {
    name: 'readings out of range or of the wrong type are never judged',
    rule: high,
    steps: [
      { at: 1, push: { level: 1e9 }, quality: qualityFlags.out_of_range },
      { at: 2, push: { level: 'full' }, quality: qualityFlags.type_mismatch },
      { at: 3, push: { level: 'full' } },
    ],
    want: [],
  },
  {
    name: 'late data raises nothing and clears nothing; at twice the expected interval it is still live',
    rule: high,
    steps: [
      { at: 0, push: { level: 11 }, receivedAt: 121 },
      { at: 130, push: { level: 11 }, receivedAt: 250 },
      { at: 131, push: { level: 1 }, receivedAt: 252 },
    ],
    want: ['raised@130'],
  },
  {
    name: "lateness: a rule's own goes before the device's interval",
    rule: { ...high, latenessMs: 3_600_000 },
    steps: [{ at: 0, push: { level: 11 }, receivedAt: 3000 }],
    want: ['raised@0'],
  },
  {
    name: 'out of order: a reading older than the newest of its metric is passed over',
    rule: high,
    steps: [
      { at: 10, push: { level: 1 }, receivedAt: 10 },
      { at: 5, push: { level: 11 }, receivedAt: 11 },
      { at: 12, push: { level: 11 }, receivedAt: 12 },
      { at: 11, push: { level: 1 }, receivedAt: 13 },
    ],
    want: ['raised@12'],
  },
  {
    name: 'threshold: all conditions together',
    rule: {
      kind: 'threshold',
      match: 'all',
      conditions: [
        { metric: 'a', operator: '>=', value: 1 },
        { metric: 'b', operator: '!=', value: ['x', 'y'] },
      ],
    },
    steps: [
      { at: 1, push: { a: 1 } },
      { at: 2, push: { b: 'y' } },
      { at: 3, push: { b: 'z' } },
      { at: 4, push: { a: 0 } },
    ],
    want: ['raised@3', 'cleared@4'],
  },
  {
    name: 'change: from one state to another, ends when it leaves; the first reading is no change',
    rule: { kind: 'change', metric: 'valve', from: ['open'], to: ['closed'] },
    steps: [
      { at: 1, push: { valve: 'closed' } },
      { at: 2, push: { valve: 'open' } },
      { at: 3, push: { valve: 'closed' } },
      { at: 4, push: { valve: 'closed' } },
      { at: 5, push: { valve: 'moving' } },
      { at: 6, push: { valve: 'closed' } },
    ],
    want: ['raised@3', 'cleared@5'],
  },
  {
    name: 'change: edited while raised, it ends when the state is left, and is raised again the next time',
    rule: closing,
    steps: [
      { at: 1, push: { valve: 'open' } },
      { at: 2, push: { valve: 'closed' } },
      { at: 3, edit: { ...closing, cooldownMs: 0 } },
      { at: 4, push: { valve: 'open' } },
      { at: 5, push: { valve: 'closed' } },
      { at: 6, edit: closing },
      { at: 7, push: { valve: 'closed' } },
      { at: 8, push: { valve: 'open' } },
    ],
    want: ['raised@2', 'cleared@4', 'raised@5', 'cleared@8'],
  },
  {
    name: 'change: whatever the states, ending by itself',
    rule: { kind: 'change', metric: 'firmwareVersion', clearAfterMs: 60_000 },
    steps: [{ at: 1, push: { firmwareVersion: 'a' } }, { at: 2, push: { firmwareVersion: 'b' } }, { at: 100 }],
    want: ['raised@2', 'cleared@62'],
  },
  {
    name: 'event: announced, repeated, ended by its counterpart; not where a metric says the same',
    rule: {
      kind: 'event',
      events: ['fireAlarm'],
      clearEvents: ['restored'],
      repeatMs: 10_000,
      unless: [{ metric: 'fire', operator: '==', value: true }],
    },
    steps: [
      { at: 1, event: 'fireAlarm', push: { fire: true } },
      { at: 2, event: 'fireAlarm', push: { fire: false } },
      { at: 3, event: 'fireAlarm' },
      { at: 15, event: 'fireAlarm' },
      { at: 16, event: 'other' },
      { at: 20, event: 'restored' },
      { at: 21, event: 'fireAlarm', receivedAt: 900 },
    ],
    want: ['raised@2', 'repeated@15', 'cleared@20'],
  },
  {
    name: 'absence: three intervals of silence, ended by the first sign of life, however late its content',
    rule: { kind: 'absence', intervals: 3 },
    steps: [
      { at: 0, push: { battery: 3 } },
      { at: 179 },
      { at: 185 },
      { at: 10, push: { battery: 3 }, receivedAt: 400 },
      { at: 579 },
    ],
    want: ['raised@180', 'cleared@400'],
  },
  {
    name: 'absence: a device never heard from is not silent',
    rule: { kind: 'absence', intervals: 3 },
    steps: [{ at: 100_000 }],
    want: [],
  },
];

describe('evaluate', () => {
  it.each(cases)('$name', ({ rule, steps, want, intervalSeconds, settings }) => {
    expect(runScript(rule, steps, { expectedIntervalMs: (intervalSeconds ?? 60) * 1000, settings })).toEqual(want);
  });
});
