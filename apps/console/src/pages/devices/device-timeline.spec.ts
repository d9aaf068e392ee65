import { describe, expect, it } from '@jest/globals';
import type { Schemas } from '../../api/schemas.js';
import { deviceTimeline } from './device-timeline.js';

describe('deviceTimeline', () => {
  it('puts alerts and connections into one line, the newest first', () => {
    const alert = { id: 'a1', openedAt: '2026-11-27T10:02:00.000Z' } as Schemas['AlertView'];
    const frame = (minute: number, outcome: Schemas['FrameView']['outcome']) => ({
      messageId: `m${minute}`,
      receivedAt: `2026-11-27T10:0${minute}:00.000Z`,
      outcome,
    });
    const items = deviceTimeline(
      [alert],
      [frame(1, 'connected'), frame(2, 'decoded'), frame(4, 'rejected'), frame(3, 'disconnected')],
    );
    expect(items.map(({ kind, key }) => [kind, key])).toEqual([
      ['disconnected', 'm3'],
      ['alert', 'a1'],
      ['connected', 'm1'],
    ]);
    expect(deviceTimeline([], [])).toEqual([]);
  });
});
