import { describe, expect, it } from '@jest/globals';
import type { Severity, Transition } from '#libs/contracts';
import {
  type Actor,
  type Alert,
  acknowledge,
  applyTransition,
  assign,
  type Circumstances,
  clearByPerson,
  comment,
  type Decision,
  laneOf,
} from './alert.js';

const titles = { zh: '烟雾报警', en: 'Smoke alarm' };
const li: Actor = { kind: 'person', key: 'user-li', name: '李工' };

/** A script of one alert's life: each step is what happens, and what it comes to. */
class Life {
  latest: Alert | undefined;
  private keys = 0;
  private now = 1_000;

  at(): Circumstances {
    this.now += 1_000;
    return { now: this.now, newKey: () => `key-${++this.keys}` };
  }

  rule(kind: Transition['kind'], severity: Severity = 'major', observedAt = 500): string {
    const transition: Transition = {
      id: 'any',
      kind,
      tenantKey: 'tenant',
      ruleKey: 'rule',
      ruleRevision: 1,
      deviceKey: 'device',
      subject: 'device',
      severity,
      observedAt,
      judgedAt: observedAt,
      messageId: 'u.0.1.0',
      evidence: { 'fire.smoke': true },
    };
    return this.take(applyTransition(this.latest, transition, titles, this.at()));
  }

  take(decision: Decision): string {
    switch (decision.kind) {
      case 'changed':
        this.latest = decision.alert;
        return `${decision.entry.kind}${decision.notify ? '!' : ''} ${decision.alert.status}`;
      case 'unchanged':
        return 'unchanged';
      case 'ignored':
        return decision.reason;
      case 'refused':
        return decision.code;
    }
  }

  step(step: string): string {
    const [word = '', severity] = step.split(' ');
    const alert = this.latest as Alert;
    switch (word) {
      case 'raised':
      case 'repeated':
      case 'cleared':
        return this.rule(word, severity as Severity | undefined);
      case 'acknowledge':
        return this.take(acknowledge(alert, li, this.at()));
      case 'clear':
        return this.take(clearByPerson(alert, li, 'checked', this.at()));
      case 'comment':
        return this.take(comment(alert, li, 'on my way', this.at()));
      case 'assign':
        return this.take(assign(alert, li, { key: 'user-wang', name: '王工' }, this.at()));
      default:
        throw new Error(`no such step: ${step}`);
    }
  }
}

describe('the life of an alert', () => {
  const lives: [string, [step: string, outcome: string][]][] = [
    [
      'opens, repeats, ends',
      [
        ['raised', 'raised! open'],
        ['repeated', 'repeated open'],
        ['cleared', 'cleared! cleared'],
      ],
    ],
    [
      'a raise while open is a repetition',
      [
        ['raised', 'raised! open'],
        ['raised', 'repeated open'],
      ],
    ],
    [
      'is acknowledged once',
      [
        ['raised', 'raised! open'],
        ['acknowledge', 'acknowledged! acknowledged'],
        ['acknowledge', 'unchanged'],
        ['cleared', 'cleared! cleared'],
      ],
    ],
    [
      'escalation opens what was acknowledged',
      [
        ['raised minor', 'raised! open'],
        ['acknowledge', 'acknowledged! acknowledged'],
        ['repeated critical', 'escalated! open'],
        ['repeated major', 'repeated open'],
      ],
    ],
    ['a clear of nothing is ignored', [['cleared', 'cleared_not_open']]],
    [
      'a second clear is ignored',
      [
        ['raised', 'raised! open'],
        ['cleared', 'cleared! cleared'],
        ['cleared', 'cleared_not_open'],
      ],
    ],
    [
      'what the rule cleared opens anew',
      [
        ['raised', 'raised! open'],
        ['cleared', 'cleared! cleared'],
        ['raised', 'raised! open'],
      ],
    ],
    [
      'after a person cleared, repetitions are not news but a raise is',
      [
        ['raised', 'raised! open'],
        ['clear', 'cleared! cleared'],
        ['repeated', 'repeated_after_clear'],
        ['cleared', 'cleared_not_open'],
        ['raised', 'raised! open'],
      ],
    ],
    ['a repetition of what was never seen raised opens', [['repeated', 'raised! open']]],
    [
      'clearing twice changes nothing',
      [
        ['raised', 'raised! open'],
        ['clear', 'cleared! cleared'],
        ['clear', 'unchanged'],
      ],
    ],
    [
      'what is over takes remarks only',
      [
        ['raised', 'raised! open'],
        ['clear', 'cleared! cleared'],
        ['acknowledge', 'alert_cleared'],
        ['assign', 'alert_cleared'],
        ['comment', 'commented! cleared'],
      ],
    ],
    [
      'is assigned once',
      [
        ['raised', 'raised! open'],
        ['assign', 'assigned! open'],
        ['assign', 'unchanged'],
      ],
    ],
  ];
  it.each(lives)('%s', (_name, steps) => {
    const life = new Life();
    expect(steps.map(([step]) => [step, life.step(step)])).toEqual(steps);
  });

  it('a new alert after the end has a key of its own', () => {
    const life = new Life();
    life.step('raised');
    const first = life.latest?.key;
    life.step('cleared');
    life.step('raised');
    expect(life.latest?.key).not.toBe(first);
    expect(life.latest).toMatchObject({ occurrences: 1, cleared: undefined });
  });

  it('keeps event time: the earliest and the latest evidence', () => {
    const life = new Life();
    life.rule('raised', 'major', 500);
    life.rule('repeated', 'major', 900);
    life.rule('repeated', 'major', 300);
    expect(life.latest).toMatchObject({ firstAt: 300, lastAt: 900, occurrences: 3, openedAt: 2_000 });
  });

  it('one timeline entry stands for a run of repetitions', () => {
    const life = new Life();
    life.step('raised');
    life.step('repeated');
    const run = life.latest?.repeat;
    life.step('repeated');
    expect(life.latest?.repeat).toEqual({ entryKey: run?.entryKey, count: 2 });
    life.step('comment');
    life.step('repeated');
    expect(life.latest?.repeat?.entryKey).not.toBe(run?.entryKey);
    expect(life.latest?.repeat?.count).toBe(1);
  });

  it('every change raises the revision', () => {
    const life = new Life();
    const revisions = ['raised', 'repeated', 'acknowledge', 'comment', 'cleared'].map((step) => {
      life.step(step);
      return life.latest?.revision;
    });
    expect(revisions).toEqual([1, 2, 3, 4, 5]);
  });

  it('keeps the lane of its opening', () => {
    const life = new Life();
    life.step('raised warning');
    life.step('repeated critical');
    expect(life.latest).toMatchObject({ severity: 'critical', lane: 'bulk' });
  });

  it.each([
    ['critical', 'urgent'],
    ['major', 'urgent'],
    ['minor', 'bulk'],
    ['warning', 'bulk'],
    ['info', 'bulk'],
  ] as const)('%s alerts take the %s lane', (severity, lane) => expect(laneOf(severity)).toBe(lane));
});
