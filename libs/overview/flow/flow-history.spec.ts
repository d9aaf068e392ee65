import { describe, expect, it } from '@jest/globals';
import { FlowHistory, type FlowSample, type FlowScope } from './flow-history.js';

const start = 1_700_000_040_000;
const everybody: FlowScope = { whole: true, tenantKey: undefined, sees: () => true };
const water: FlowScope = { whole: false, tenantKey: 'water', sees: ({ tenantKey }) => tenantKey === 'water' };

/** Samples every 5 s: 50 messages each, of which water has 10; one refused by water each minute, and one of nobody's. */
function history(samples: number, change: (index: number) => Partial<FlowSample> = () => ({})): FlowHistory {
  const flow = new FlowHistory();
  for (let index = 0; index <= samples; index += 1) {
    const at = start + index * 5_000;
    flow.add({
      at,
      received: 1_000 + index * 50,
      byKind: [
        { tenantKey: 'water', productKey: 'meter', messages: 10 },
        { tenantKey: 'fire', productKey: 'smoke', messages: 40 },
      ],
      discarded: new Map([
        ['water', 3 + Math.floor(index / 12)],
        ['', 7 + Math.floor(index / 12)],
      ]),
      lagMs: index * 10,
      lagMessages: index,
      fleet: [
        { tenantKey: 'water', productKey: 'meter', online: index, alerts: 1 },
        { tenantKey: 'fire', productKey: 'smoke', online: 100, alerts: 2 },
      ],
      ...change(index),
    });
  }
  return flow;
}

describe('the history of the flow', () => {
  it.each([
    ['the whole platform', everybody, 10],
    ['one tenant', water, 2],
  ])('knows the present rate of %s', (_, scope, rate) => {
    expect(history(12).messagesPerSecond(scope)).toBe(rate);
  });

  it('knows nothing after one sample, and no rate where nobody counted', () => {
    expect(history(0).messagesPerSecond(everybody)).toBeNull();
    const uncounted = history(12, () => ({ byKind: undefined }));
    expect([uncounted.messagesPerSecond(water), uncounted.messagesPerSecond(everybody)]).toEqual([null, 10]);
  });

  it('tells the hour by minutes, up to now, with gaps where nothing is known', () => {
    const trend = history(24).trend(water, start + 120_000);
    expect(trend.from).toBe(start - 57 * 60_000);
    expect(trend.messagesPerSecond).toHaveLength(60);
    expect(trend.messagesPerSecond.slice(-4)).toEqual([null, 2, 2, 2]);
    expect(trend.discards.slice(-4)).toEqual([null, 0, 1, 1]);
    expect(trend.lagSeconds.slice(-4)).toEqual([null, 0.11, 0.23, 0.24]);
    expect(trend.devicesOnline.slice(-4)).toEqual([null, 11, 23, 24]);
    expect(trend.openAlerts.slice(-4)).toEqual([null, 1, 1, 1]);
    const whole = history(24).trend(everybody, start + 120_000);
    expect([whole.discards.slice(-3), whole.devicesOnline.at(-1)]).toEqual([[0, 2, 2], 124]);
  });

  it('forgets what is older than an hour, and holds on to no more', () => {
    const flow = history(2_000);
    const { messagesPerSecond } = flow.trend(everybody, start + 2_000 * 5_000);
    expect(messagesPerSecond.every((rate) => rate === 10)).toBe(true);
    expect((flow as unknown as { steps: unknown[] }).steps.length).toBeLessThanOrEqual(721);
  });

  it('takes a count that began anew for nothing, and a clock that went back for no sample', () => {
    const restarted = history(12, (index) => (index > 6 ? { received: 0 } : {}));
    expect(restarted.messagesPerSecond(everybody)).toBe(0);
    const flow = history(12);
    flow.add({ at: start, received: 5_000, byKind: [], discarded: new Map(), lagMs: 0, lagMessages: 0, fleet: [] });
    expect(flow.trend(everybody, start + 60_000).messagesPerSecond.at(-1)).toBe(10);
  });
});
