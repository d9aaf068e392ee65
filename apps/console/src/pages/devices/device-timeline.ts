import type { Schemas } from '../../api/schemas.js';

type Alert = Schemas['AlertView'];
type Frame = Pick<Schemas['FrameView'], 'messageId' | 'receivedAt' | 'outcome'>;

/** Something that happened to a device. */
export type TimelineItem =
  | { kind: 'alert'; key: string; at: string; alert: Alert }
  | { kind: 'connected' | 'disconnected'; key: string; at: string };

/** Alerts and connections in one line of time, the newest first. Frames with readings say nothing here. */
export function deviceTimeline(alerts: readonly Alert[], frames: readonly Frame[]): TimelineItem[] {
  const items: TimelineItem[] = alerts.map((alert) => ({ kind: 'alert', key: alert.id, at: alert.openedAt, alert }));
  for (const { messageId, receivedAt, outcome } of frames) {
    if (outcome === 'connected' || outcome === 'disconnected')
      items.push({ kind: outcome, key: messageId, at: receivedAt });
  }
  return items.sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}
