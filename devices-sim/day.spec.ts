import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Day } from './day.js';
import { createFleet } from './fleet.js';

const dawn = Date.UTC(2026, 10, 21, 22);
const today = Date.UTC(2026, 10, 22, 4);

interface Payload {
  time: string;
  seq: number;
  values: Record<string, unknown>;
}

describe('a day', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: today });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  function live(speed: number) {
    const said: { id: string; at: number; payload: Payload }[] = [];
    const day = new Day(
      createFleet(1, 1, dawn),
      (device, _topic, payload) =>
        said.push({ id: device.id, at: Date.now(), payload: JSON.parse(payload) as Payload }),
      speed,
      dawn,
    );
    day.start();
    return { day, said };
  }

  it('passes faster than ours, and says our time, in order', () => {
    const { day, said } = live(1_440);
    jest.advanceTimersByTime(60_000);
    expect(day.now() - dawn).toBe(86_400_000);
    expect(said.length).toBeGreaterThanOrEqual(96);
    said.forEach(({ at, payload }, index) => {
      expect(at - Date.parse(payload.time)).toBeLessThanOrEqual(100);
      expect(at - Date.parse(payload.time)).toBeGreaterThanOrEqual(0);
      expect(payload.seq).toBe(today + 1 + index);
    });
    day.stop();
  });

  it('that stalls says late what was observed in time', () => {
    const { day, said } = live(1_440);
    jest.advanceTimersByTime(2_000);
    const before = said.length;
    jest.setSystemTime(today + 12_000);
    jest.advanceTimersByTime(50);
    const late = said.slice(before).map(({ payload }) => Date.parse(payload.time));
    expect(late.length).toBeGreaterThanOrEqual(15);
    late.slice(1).forEach((time, index) => {
      expect(time - (late[index] ?? 0)).toBe(625);
    });
    day.stop();
  });

  it('lets plans happen at their time, once', () => {
    const { day } = live(60);
    const happened: number[] = [];
    day.at(dawn + 3_600_000, () => happened.push(day.now() - dawn));
    jest.advanceTimersByTime(59_000);
    expect(happened).toEqual([]);
    jest.advanceTimersByTime(60_000);
    expect(happened).toEqual([3_600_000]);
    day.stop();
  });

  it('ends', () => {
    const { day, said } = live(1_440);
    day.stop();
    jest.advanceTimersByTime(60_000);
    expect(said).toEqual([]);
  });
});
