import { ApiClient } from '../platform/api-client.js';
import type { Platform } from '../platform/platform-process.js';
import type { WebhookDesk } from '../platform/webhook-desk.js';
import type { Promised } from './fleet.js';

const settleTimeoutMs = 120_000;

/** Registers meters, a detector and an endpoint for the desk. */
export async function register(platform: Platform, count: number, webhook: string) {
  const api = await ApiClient.logIn(platform);
  await api.call('POST', '/api/v1/endpoints', { name: 'faults', url: webhook });
  const rows = [
    ...Array.from({ length: count }, (_, index) => ({
      id: `fault-meter-${index}`,
      name: `meter ${index}`,
      productId: 'water-meter',
    })),
    { id: 'fault-detector', name: 'detector', productId: 'fire-detector' },
  ];
  const { results } = await api.call<{ results: { id: string; secret: string }[] }>('POST', '/api/v1/devices/batch', {
    devices: rows,
  });
  const meters: Promised[] = results
    .filter(({ id }) => id !== 'fault-detector')
    .map(({ id, secret }) => ({ id, secret, acknowledged: new Set<number>() }));
  const detector = results.find(({ id }) => id === 'fault-detector');
  if (!detector) throw new Error('the detector was not registered');
  return { meters, detector };
}

/** Waits until every alarm has arrived at the desk, or long enough; returns the events that raised one, by the alarm's time. */
export async function settle(
  desk: WebhookDesk,
  alarms: readonly number[],
  say: (text: string) => void,
): Promise<Map<number, Set<string>>> {
  const deadline = Date.now() + settleTimeoutMs;
  for (;;) {
    const raised = raisedAt(desk);
    const arrived = alarms.filter((at) => raised.has(at)).length;
    if (arrived === alarms.length || Date.now() > deadline) {
      say(`${arrived} of ${alarms.length} alarms delivered`);
      return raised;
    }
    await pause(200);
  }
}

/** Waits until the last reading of every meter is shown, or long enough: what is not stored yet is not lost. */
export async function untilShown(api: ApiClient, meters: readonly Promised[]): Promise<void> {
  const deadline = Date.now() + settleTimeoutMs;
  const path = `/api/v1/readings/latest?device=${meters.map(({ id }) => id).join(',')}`;
  for (;;) {
    const { items } = await api.call<{ items: { deviceId: string; readings: { seq: number | null }[] }[] }>(
      'GET',
      path,
    );
    const shown = new Map(items.map(({ deviceId, readings }) => [deviceId, readings[0]?.seq ?? 0]));
    if (meters.every(({ id, acknowledged }) => (shown.get(id) ?? 0) >= Math.max(0, ...acknowledged))) return;
    if (Date.now() > deadline) return;
    await pause(200);
  }
}

/** The events that raised an alarm, by the alarm's device time. */
export function raisedAt(desk: WebhookDesk): Map<number, Set<string>> {
  const raised = new Map<number, Set<string>>();
  for (const { event } of desk.received) {
    if (!event.type.endsWith('alert.raised')) continue;
    const at = Date.parse((event.data.alert as { firstAt: string }).firstAt);
    raised.set(at, (raised.get(at) ?? new Set()).add(event.id));
  }
  return raised;
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
