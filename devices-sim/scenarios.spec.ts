import { describe, expect, it } from '@jest/globals';
import type { AlertView } from './alert-watch.js';
import { fasterWindow } from './faster-rules.js';
import { createFleet, fleetTag } from './fleet.js';
import { Promises } from './promises.js';
import { alertAfterSeconds, cast, type Scenario, scenarios } from './scenarios.js';

const dawn = Date.UTC(2026, 10, 21, 22);

function named(...names: string[]): Scenario[] {
  return scenarios.filter(({ name }) => names.includes(name));
}

describe('a fleet', () => {
  it('is the same for the same seed, and has ids of its own for another', () => {
    const ids = (seed: number) => createFleet(100, seed, dawn).map(({ id }) => id);
    expect(createFleet(100, 1, dawn)).toEqual(createFleet(100, 1, dawn));
    expect(ids(1).filter((id) => ids(2).includes(id))).toEqual([]);
  });

  it('of a hundred has every kind of device, two detectors in a building, and its tag', () => {
    const fleet = createFleet(96, 1, dawn);
    const count = (productId: string) => fleet.filter((device) => device.productId === productId).length;
    expect([count('water-meter'), count('parking-sensor'), count('fire-detector')]).toEqual([56, 24, 16]);
    for (const building of new Set(fleet.map((device) => device.building))) {
      const detectors = fleet.filter((one) => one.building === building && one.productId === 'fire-detector');
      expect(detectors).toHaveLength(2);
    }
    expect(fleet.filter(({ fireLane }) => fireLane).length).toBeGreaterThan(1);
    expect(new Set(fleet.map(({ tags }) => tags.fleet))).toEqual(new Set([fleetTag(1)]));
    expect(fleet.every(({ id }) => /^[a-z0-9-]{1,64}$/.test(id))).toBe(true);
  });

  it('is switched on one device after the other', () => {
    const times = createFleet(10, 1, dawn, 1_000).map(({ model }) => model.nextAt - dawn);
    expect(times).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
  });
});

describe('scenarios', () => {
  it('find their victims in a fleet of two buildings, nobody twice', () => {
    const castings = cast(scenarios, createFleet(24, 1, dawn));
    const victims = castings.flatMap((casting) => casting.victims);
    expect(new Set(victims).size).toBe(victims.length);
    expect(victims).toHaveLength(scenarios.reduce((sum, scenario) => sum + scenario.victims, 0));
    for (const casting of castings) {
      for (const { model } of casting.victims) expect(model.suffer(casting.scenario.incident, dawn)).toBe(true);
    }
    const together = castings.find(({ scenario }) => scenario.name === 'two-detectors')?.victims ?? [];
    expect(new Set(together.map(({ building }) => building)).size).toBe(1);
  });

  it('say what is missing where the fleet is too small', () => {
    expect(() => cast(named('two-detectors'), createFleet(9, 1, dawn))).toThrow(
      'scenario two-detectors needs 2 fitting device(s): use more --devices',
    );
  });

  it.each([
    ['leaking-household', 1440, 61.25],
    ['leaking-household', 60, 1_470],
    ['silent-meter', 1440, 60],
    ['overstay', 1440, 10],
    ['smoke', 1, 1],
  ])('%s at speed %d promises its alert after %d s', (name, speed, seconds) => {
    expect(alertAfterSeconds(named(name)[0] as Scenario, speed)).toBeCloseTo(seconds);
  });
});

describe('a rule for a faster day', () => {
  const leak = { kind: 'window', metric: 'metering.water.total', slotMs: 1_800_000, slots: 48, repeatMs: 86_400_000 };

  it.each([
    [60, { slotMs: 30_000, maxGapMs: 75_000, repeatMs: 1_440_000 }],
    [1_440, { slotMs: 1_250, maxGapMs: 10_000, repeatMs: 60_000 }],
    [86_400, { slotMs: 1_000, maxGapMs: 10_000, repeatMs: 1_000 }],
  ])('at speed %d has shorter windows and is else the same', (speed, times) => {
    expect(fasterWindow(leak, speed)).toEqual({ ...leak, ...times });
  });

  it('learns what is usual in three hours', () => {
    const burst = { ...leak, baseline: { factor: 5, minimumSlots: 48, memorySlots: 336 } };
    expect(fasterWindow(burst, 60).baseline).toEqual({ factor: 5, minimumSlots: 6, memorySlots: 336 });
  });
});

describe('promises', () => {
  const alert = (id: string, device: string, rule: string): AlertView => ({
    id,
    severity: 'critical',
    titles: { zh: '火警', en: 'Fire alarm' },
    device: { id: device },
    rule: { id: rule },
  });

  it('are kept by the right rule at the right device, once it happened, once', () => {
    const [casting] = cast(named('smoke'), createFleet(12, 1, dawn));
    if (!casting) throw new Error('no casting');
    const victim = casting.victims[0]?.id ?? '';
    const promises = new Promises([casting], new Map([['fire-alarm', new Set(['rule-1', 'override-1'])]]));
    expect(promises.keep(alert('a', victim, 'rule-1'))).toBeUndefined();
    promises.happened(casting);
    expect(promises.keep(alert('b', victim, 'rule-2'))).toBeUndefined();
    expect(promises.keep(alert('c', 'somebody-else', 'rule-1'))).toBeUndefined();
    expect(promises.outcomes()).toMatchObject([
      { scenario: 'smoke', device: victim, alert: null, alertAfterSeconds: null },
    ]);
    expect(promises.keep(alert('d', victim, 'override-1'))).toMatchObject({ scenario: 'smoke' });
    expect(promises.keep(alert('e', victim, 'rule-1'))).toBeUndefined();
    expect(promises.outcomes()).toMatchObject([{ alert: 'd', alertAfterSeconds: 0 }]);
  });
});
