import { describe, expect, it } from '@jest/globals';
import { Random } from '../random.js';
import { type DeviceModel, hourOfDay, type Incident, incidents } from './device-model.js';
import { FireDetector } from './fire-detector.js';
import { ParkingSensor } from './parking-sensor.js';
import { WaterMeter } from './water-meter.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Midnight of 2026-11-22 in the city. */
const midnight = Date.UTC(2026, 10, 21, 16);

/** Each model, and what it says when all is well. */
const models: [DeviceModel['kind'], (seed: number) => DeviceModel, Record<string, unknown>][] = [
  ['water-meter', (seed) => new WaterMeter(new Random(seed), midnight), { flowRate: 0, valve: 'open' }],
  ['parking-sensor', (seed) => new ParkingSensor(new Random(seed), midnight, false), { status: 'free', eventCount: 0 }],
  ['fire-detector', (seed) => new FireDetector(new Random(seed), midnight), { fire: false, alarmPhase: 'normal' }],
];

/** Everything a device says until `end`, with when. */
function said(model: DeviceModel, end: number) {
  const sayings: { at: number; values: Record<string, unknown> }[] = [];
  while (model.nextAt <= end) {
    const at = model.nextAt;
    for (const { values } of model.speak(at)) sayings.push({ at, values });
    expect(model.nextAt).toBeGreaterThan(at);
  }
  return sayings;
}

function totals(model: DeviceModel, end: number) {
  return said(model, end).map(({ at, values }) => ({ at, total: values['metering.water.total'] as number }));
}

describe.each(models)('a %s', (_kind, make, well) => {
  it('lives the same day for the same seed, and another for another', () => {
    const day = said(make(7), midnight + dayMs);
    expect(said(make(7), midnight + dayMs)).toEqual(day);
    expect(said(make(8), midnight + dayMs)).not.toEqual(day);
  });

  it('says how things are when it is switched on', () => {
    const [first] = said(make(1), midnight);
    expect(first?.at).toBe(midnight);
    expect(first?.values).toMatchObject(well);
  });
});

describe('what may befall whom', () => {
  const cases: [DeviceModel['kind'] | 'fire lane', DeviceModel, Incident[]][] = [
    ['water-meter', new WaterMeter(new Random(1), midnight), ['leak', 'burst', 'silence']],
    ['parking-sensor', new ParkingSensor(new Random(1), midnight, false), ['overstay']],
    ['fire lane', new ParkingSensor(new Random(1), midnight, true), ['overstay', 'fire-lane']],
    ['fire-detector', new FireDetector(new Random(1), midnight), ['smoke']],
  ];

  it.each(cases)('%s', (_name, model, able) => {
    expect(incidents.filter((incident) => model.suffer(incident, midnight))).toEqual(able);
  });
});

describe('a water meter', () => {
  const seeds = Array.from({ length: 50 }, (_, seed) => seed);
  const meter = (seed: number) => new WaterMeter(new Random(seed), midnight);

  it('reports every quarter of an hour a total that never falls', () => {
    const day = totals(meter(1), midnight + dayMs);
    expect(day.length).toBeGreaterThanOrEqual(96);
    for (const [index, { at, total }] of day.entries()) {
      const before = day[index - 1];
      if (!before) continue;
      expect(total).toBeGreaterThanOrEqual(before.total);
      if (index > 1) expect(at - before.at).toBe(15 * 60_000);
    }
  });

  it('draws nothing at night, most in the morning and evening, and 100 to 700 litres a day on average', () => {
    const byHour = Array.from({ length: 24 }, () => 0);
    for (const seed of seeds) {
      const days = totals(meter(seed), midnight + 4 * dayMs);
      days.forEach(({ at, total }, index) => {
        const hour = Math.floor(hourOfDay(at));
        byHour[hour] = (byHour[hour] ?? 0) + total - (days[index - 1]?.total ?? total);
      });
      const daily = ((days.at(-1)?.total ?? 0) - (days[0]?.total ?? 0)) / 4;
      expect(daily).toBeGreaterThan(80);
      expect(daily).toBeLessThan(750);
    }
    expect(byHour.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    const average = byHour.reduce((sum, litres) => sum + litres, 0) / 24;
    for (const peak of [7, 19]) expect(byHour[peak]).toBeGreaterThan(1.5 * average);
  });

  it('with a leak uses water in every slot of the day, also at night', () => {
    for (const seed of seeds) {
      const model = meter(seed);
      model.suffer('leak');
      const day = totals(model, midnight + dayMs);
      day.slice(1).forEach(({ total }, index) => {
        expect(total).toBeGreaterThan(day[index]?.total ?? 0);
      });
    }
  });

  it('without one has dry slots every day', () => {
    for (const seed of seeds) {
      const day = totals(meter(seed), midnight + dayMs);
      expect(day.slice(1).some(({ total }, index) => total === day[index]?.total)).toBe(true);
    }
  });

  it('after a burst draws more in half an hour than a household in days', () => {
    const model = meter(1);
    model.suffer('burst');
    const [first, , third] = totals(model, midnight + hourMs);
    expect((third?.total ?? 0) - (first?.total ?? 0)).toBeGreaterThan(1_500);
  });

  it('says nothing once it is silent', () => {
    const model = meter(1);
    expect(said(model, midnight + hourMs).length).toBeGreaterThan(0);
    model.suffer('silence');
    expect(said(model, midnight + dayMs)).toEqual([]);
  });

  it('goes on from the total and the battery ages', () => {
    const model = meter(1);
    model.resume({ 'metering.water.total': 1_000_000.5 });
    const month = said(model, midnight + 30 * dayMs);
    expect(month[0]?.values['metering.water.total']).toBe(1_000_000.5);
    expect(month.at(-1)?.values.battery).toBeLessThan(month[0]?.values.battery as number);
  });
});

describe('a parking sensor', () => {
  const sensor = (seed: number, fireLane = false) => new ParkingSensor(new Random(seed), midnight, fireLane);

  it('counts one per change of state, and speaks at least once an hour', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const week = said(sensor(seed), midnight + 7 * dayMs);
      week.slice(1).forEach(({ at, values }, index) => {
        const before = week[index];
        const changed = values.status !== before?.values.status;
        expect(values.eventCount).toBe((before?.values.eventCount as number) + (changed ? 1 : 0));
        expect(at - (before?.at ?? 0)).toBeLessThanOrEqual(hourMs);
      });
      expect(week.at(-1)?.values.eventCount).toBeGreaterThan(14);
    }
  });

  it('has more arrivals in the morning than at night, and nobody stays over two hours and a half', () => {
    let night = 0;
    let morning = 0;
    for (let seed = 0; seed < 50; seed += 1) {
      let since = 0;
      for (const { at, values } of said(sensor(seed), midnight + 4 * dayMs)) {
        if (values.status === 'free') {
          if (since > 0) expect(at - since).toBeLessThanOrEqual(150 * 60_000);
          since = 0;
        } else if (since === 0) {
          since = at;
          if (hourOfDay(at) < 5) night += 1;
          if (hourOfDay(at) >= 7 && hourOfDay(at) < 12) morning += 1;
        }
      }
    }
    expect(morning).toBeGreaterThan(4 * night);
  });

  it('on a fire lane is free until somebody parks there, and then occupied for good', () => {
    const model = sensor(1, true);
    expect(said(model, midnight + dayMs).every(({ values }) => values.status === 'free')).toBe(true);
    model.suffer('fire-lane', midnight + dayMs);
    const after = said(model, midnight + 3 * dayMs);
    expect(after[0]).toMatchObject({ at: midnight + dayMs, values: { status: 'occupied', eventCount: 1 } });
    expect(after.every(({ values }) => values.status === 'occupied')).toBe(true);
  });

  it.each([
    ['free', 0],
    ['occupied', 9 * hourMs],
  ])('with a car that overstays stays occupied (%s before)', (_before, hour) => {
    for (let seed = 0; seed < 20; seed += 1) {
      const model = sensor(seed);
      said(model, midnight + hour);
      model.suffer('overstay', midnight + hour);
      const after = said(model, midnight + 2 * dayMs);
      expect(after[0]?.at).toBe(midnight + hour);
      expect(after.every(({ values }) => values.status === 'occupied')).toBe(true);
    }
  });

  it.each([
    ['free', 41, 41],
    ['occupied', 41, 42],
  ])('goes on from the counter where it was %s', (status, eventCount, first) => {
    const model = sensor(1);
    model.resume({ eventCount, status });
    expect(said(model, midnight)[0]?.values).toMatchObject({ status: 'free', eventCount: first });
  });
});

describe('a fire detector', () => {
  const detector = () => new FireDetector(new Random(1), midnight);

  it('beats every half hour and is never on fire by itself', () => {
    const day = said(detector(), midnight + dayMs);
    expect(day.length).toBeGreaterThanOrEqual(48);
    expect(day.every(({ values }) => values.fire === false && values.test === false && values.fault === false)).toBe(
      true,
    );
    expect(day.every(({ values }) => (values.batteryLevel as number) >= 60)).toBe(true);
  });

  it('alarms at once and goes on', () => {
    const model = detector();
    said(model, midnight + hourMs);
    model.suffer('smoke', midnight + hourMs + 1);
    const after = said(model, midnight + 3 * hourMs);
    expect(after[0]?.at).toBe(midnight + hourMs + 1);
    expect(after.every(({ values }) => values.fire === true && values.alarmPhase === 'alarm')).toBe(true);
  });
});
