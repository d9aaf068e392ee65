import { afterEach, describe, expect, it } from '@jest/globals';
import { encodeRawMessages, type RawMessage } from '#libs/contracts';
import { Metrics, ScriptedClock } from '#libs/runtime';
import { startOfTime, until } from '../testing/contract-scene.js';
import { openTestStream } from '../testing/open-test-stream.js';
import { runStage } from '../testing/run-stage.js';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const message: RawMessage = {
  kind: 'telemetry',
  tenantKey: 't',
  deviceKey: 'd',
  productKey: 'p',
  receivedAt: startOfTime,
  name: '',
  payload: Buffer.from('{}'),
};
const entryOf = (messages: number, payload = '{}') => ({
  stream: 'raw',
  lane: 'bulk' as const,
  partition: 1,
  data: encodeRawMessages(Array.from({ length: messages }, () => ({ ...message, payload: Buffer.from(payload) }))),
});

describe('the metrics of a stage', () => {
  it('count messages and not only entries, in and out, how long they took, and what was given up', async () => {
    const clock = new ScriptedClock(startOfTime);
    const stream = await openTestStream({ clock });
    stops.push(() => stream.stop());
    const metrics = new Metrics();
    await stream.log.append([entryOf(3), entryOf(20), entryOf(2, 'poison')]);
    await clock.advance(400);
    const running = await runStage(stream.log, {
      pattern: 'raw/halver',
      clock,
      metrics,
      settings: { STREAM_STAGE_ATTEMPTS: '1' },
      handle: async ({ entries }) => {
        if (entries.some(({ data }) => Buffer.from(data).includes('poison'))) throw new Error('poison');
        return {
          append: [
            { ...entryOf(10), stream: 'halves' },
            { ...entryOf(1), stream: 'halves' },
          ],
        };
      },
    });
    stops.push(() => running.stop());
    await until(async () => {
      await clock.advance(50);
      return (await stream.log.lag()).every(
        ({ acknowledged, last, stream: name }) => name !== 'raw' || acknowledged === last,
      );
    });
    await until(async () => (await metrics.render()).includes('reason="stage_failed"'));
    const shown = await metrics.render();
    const stage = 'stage="halver",stream="raw"';
    expect(shown.split('\n')).toEqual(
      expect.arrayContaining([
        `stage_entries_in_total{${stage},lane="bulk"} 3`,
        `stage_messages_in_total{${stage},lane="bulk"} 25`,
        `stage_messages_out_total{${stage},to="dead-letters"} 2`,
        'discards_total{stage="halver",reason="stage_failed"} 2',
      ]),
    );
    const out = Number(/stage_messages_out_total\{[^}]*to="halves"\} (\d+)/.exec(shown)?.[1]);
    const batches = Number(/stage_batch_seconds_count\{[^}]*\} (\d+)/.exec(shown)?.[1]);
    expect(out).toBe(11 * batches);
    expect(shown).toContain(`stage_batch_messages_sum{${stage}} 25`);
    const latency = Number(/stage_latency_seconds_sum\{[^}]*\} ([\d.]+)/.exec(shown)?.[1]);
    const observed = Number(/stage_latency_seconds_count\{[^}]*\} (\d+)/.exec(shown)?.[1]);
    expect(latency / observed).toBeGreaterThanOrEqual(0.4);
  });
});
