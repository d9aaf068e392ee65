import { describe, expect, it } from '@jest/globals';
import { backtest } from './backtest.js';
import { builtInRules } from './built-in/built-in-rules.js';
import { DeadlineWheel } from './deadline-wheel.js';
import { DeviceRules } from './device-rules.js';
import { decodeDevice } from './device-state.js';
import { listened, seenWhileListening } from './listening.js';
import type { Rule } from './rule.js';
import { type BookRule, RuleIndex } from './rule-index.js';
import { planOf } from './rule-plan.js';
import { messageOf, scriptStart } from './testing/index.js';

const rules: BookRule[] = builtInRules.map((rule, n) => ({
  ...rule,
  key: rule.slug,
  ordinal: n + 1,
  revision: 1,
  tenantKey: null,
  overridesKey: null,
  deleted: false,
}));
const water = {
  id: 'm1',
  tenantKey: 'a',
  productId: 'water-meter',
  domain: 'water',
  building: undefined,
  tags: {},
  settings: {},
};
const slugs = (index: RuleIndex, device: Parameters<RuleIndex['planFor']>[0]) =>
  index.planFor(device).rules.map((rule) => rule.key);

describe('deadline wheel', () => {
  it('gives what is due, earliest first, and the rest later', () => {
    const wheel = new DeadlineWheel();
    for (const [key, due] of [
      ['b', 2000],
      ['a', 1500],
      ['c', 2100],
      ['d', 9_000_000],
    ] as const)
      wheel.add(key, due);
    expect(wheel.take(1999, 10)).toEqual([]);
    expect(wheel.take(2999, 1)).toEqual([{ key: 'b', dueMs: 2000 }]);
    expect(wheel.take(3000, 10).map(({ key }) => key)).toEqual(['a', 'c']);
    expect(wheel.take(100_000_000, 10).map(({ key }) => key)).toEqual(['d']);
    wheel.add('late', 0);
    expect(wheel.take(100_000_000, 10).map(({ key }) => key)).toEqual(['late']);
    expect(wheel.size).toBe(0);
  });
});

describe('listening', () => {
  it('takes a standstill for an outage, and silence is only counted outside of it', () => {
    let now = listened(undefined, 1000, 15_000);
    now = listened(now, 2000, 15_000);
    now = listened(now, 100_000, 15_000);
    expect(now).toEqual({ aliveAt: 100_000, outages: [[2000, 100_000]] });
    expect(seenWhileListening(1500, now.outages)).toBe(1500 + 98_000);
    expect(seenWhileListening(50_000, now.outages)).toBe(100_000);
    expect(seenWhileListening(100_001, now.outages)).toBe(100_001);
  });
});

describe('rule index', () => {
  it('chooses by domain, setting, tag and device, and shares plans', () => {
    const mine = {
      ...(rules[0] as BookRule),
      key: 'mine',
      ordinal: 900,
      tenantKey: 'a',
      scope: { tags: { zone: 'north' }, deviceIds: ['m1', 'm2'] },
    };
    const index = new RuleIndex([...rules, mine]);
    expect(slugs(index, water)).not.toContain('mine');
    expect(slugs(index, { ...water, tags: { zone: 'north' } })).toContain('mine');
    expect(slugs(index, { ...water, id: 'm3', tags: { zone: 'north' } })).not.toContain('mine');
    expect(slugs(index, { ...water, tenantKey: 'b', tags: { zone: 'north' } })).not.toContain('mine');
    expect(index.planFor(water)).toBe(index.planFor({ ...water, id: 'm9' }));
    const bay = { ...water, productId: 'parking-sensor', domain: 'parking' };
    expect(slugs(index, bay)).not.toContain('parking-fire-lane');
    expect(slugs(index, { ...bay, settings: { fireLane: true } })).toContain('parking-fire-lane');
    const detector = { ...water, domain: 'fire' };
    expect(slugs(index, detector)).not.toContain('fire-two-detectors');
    expect(slugs(index, { ...detector, building: 'a/1' })).toContain('fire-two-detectors');
  });

  it('a tenant’s override replaces, a disabled one switches off, a deleted one gives back', () => {
    const leak = rules.find(({ key }) => key === 'water-household-leak') as BookRule;
    const override = { ...leak, key: 'ours', ordinal: 900, tenantKey: 'a', overridesKey: leak.key };
    const of = (change: Partial<BookRule>) => slugs(new RuleIndex([...rules, { ...override, ...change }]), water);
    expect(of({})).toContain('ours');
    expect(of({})).not.toContain(leak.key);
    expect(of({ enabled: false })).not.toContain('ours');
    expect(of({ enabled: false })).not.toContain(leak.key);
    expect(of({ deleted: true })).toContain(leak.key);
    expect(slugs(new RuleIndex([...rules, override]), { ...water, tenantKey: 'b' })).toContain(leak.key);
  });
});

describe('device state', () => {
  const meter = { key: 'm1', tenantKey: 'a', productKey: 'p' };
  const plan = planOf(rules.filter(({ scope }) => scope.domains?.includes('water') ?? true) as Rule[]);
  const judge = (device: DeviceRules, at: number, total: number, said: string[]) => {
    const values = { 'metering.water.total': total, 'water.leak': total > 1005, pressure: 300 };
    const message = messageOf(meter, { observedAt: scriptStart + at, values }, 'b.0.1.0');
    device.judgeMessage(message, { evaluated: 0, late: 0 }, (rule, { kind }) => said.push(`${kind} ${rule.key}`));
  };

  it('goes on after every message as if it had never left memory, in under 300 bytes', () => {
    const [kept, fresh]: string[][] = [[], []];
    const steady = new DeviceRules(plan, 1_800_000, {});
    let moving = new DeviceRules(plan, 1_800_000, {});
    for (let n = 0; n < 60; n += 1) {
      judge(steady, n * 1_800_000, 1000 + n, fresh as string[]);
      judge(moving, n * 1_800_000, 1000 + n, kept as string[]);
      const bytes = moving.encode();
      expect(bytes.byteLength).toBeLessThan(300);
      const next = new DeviceRules(plan, 1_800_000, {});
      next.resume(decodeDevice(bytes) as NonNullable<ReturnType<typeof decodeDevice>>);
      expect(next.encode().toString('hex')).toBe(bytes.toString('hex'));
      moving = next;
    }
    expect(kept).toEqual(fresh);
    expect(kept).toEqual(['raised water-leak-reported', 'raised water-household-leak', 'repeated water-leak-reported']);
  });

  it('refuses what a later release wrote', () => {
    expect(decodeDevice(Uint8Array.of(0x94, 9, 0, 0, 0x90))).toBeUndefined();
  });
});

describe('backtest', () => {
  it('says what the rules would have said, silence included', () => {
    const messages = [1000, 1100, 1050].map((total, n) =>
      messageOf(
        { key: 'm1', tenantKey: 'a', productKey: 'p' },
        { observedAt: scriptStart + n * 1_800_000, values: { 'metering.water.total': total } },
        `b.0.${n}.0`,
      ),
    );
    const devices = new Map([['m1', { expectedIntervalMs: 1_800_000, settings: {} }]]);
    const verdicts = backtest(
      rules.filter(({ key }) => key === 'water-backflow' || key === 'device-silent'),
      devices,
      messages,
      scriptStart + 6 * 3_600_000,
    );
    expect(
      verdicts.map(({ kind, ruleKey, observedAt }) => [kind, ruleKey, (observedAt - scriptStart) / 60_000]),
    ).toEqual([
      ['raised', 'water-backflow', 60],
      ['raised', 'device-silent', 150],
    ]);
  });
});
