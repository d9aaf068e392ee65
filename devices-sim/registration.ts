import { isDeepStrictEqual } from 'node:util';
import { fleetTag, type SimulatedDevice } from './fleet.js';
import type { PlatformApi } from './platform-api.js';

const perBatch = 200;
const atATime = 8;
/** A simulated fleet comes and goes: nobody waits for it before a day has passed. */
const usualIntervalMs = 86_400_000;
const shortestIntervalMs = 1_000;
const meterIntervalMs = 15 * 60_000;

interface BatchResult {
  results: { id: string; outcome: string; secret?: string; problem?: string }[];
}

/** What the platform is told of a device besides who and where it is. */
interface DeviceTraits {
  settings: Record<string, unknown>;
  expectedIntervalMs: number;
}

/** How a fleet is made known. */
export interface FleetPlan {
  fleet: readonly SimulatedDevice[];
  seed: number;
  speed: number;
  /** Who will fall silent: the platform is told how often these report, so that it misses them. */
  silent: ReadonlySet<SimulatedDevice>;
}

/**
 * Makes every device of the fleet known to the platform and returns its secret by device id. Devices of an earlier run
 * get a new secret, since nobody can look the old one up, and go on from their last readings.
 */
export async function registerFleet(
  api: PlatformApi,
  plan: FleetPlan,
  progress: (registered: number) => void,
): Promise<Map<string, string>> {
  const secrets = new Map<string, string>();
  const installations = await registerBuildings(api, plan.fleet);
  const earlier = new Map<string, DeviceTraits>(
    (await api.list<DeviceTraits & { id: string }>(`/api/v1/devices?tag=fleet:${fleetTag(plan.seed)}`)).map(
      (device) => [device.id, device],
    ),
  );
  for (let from = 0; from < plan.fleet.length; from += perBatch) {
    const devices = plan.fleet.slice(from, from + perBatch);
    const fresh = devices.filter(({ id }) => !earlier.has(id));
    const known = devices.filter(({ id }) => earlier.has(id));
    await register(api, plan, fresh, installations, secrets);
    await resume(api, known);
    await eachOf(known, async (device) => {
      const traits = traitsOf(device, plan);
      const { settings, expectedIntervalMs } = earlier.get(device.id) ?? traits;
      if (!isDeepStrictEqual({ settings, expectedIntervalMs }, traits)) {
        await api.call('PATCH', `/api/v1/devices/${device.id}`, traits);
      }
      const { secret } = await api.call<{ secret: string }>('POST', `/api/v1/devices/${device.id}/secret`, {});
      secrets.set(device.id, secret);
      progress(secrets.size);
    });
    progress(secrets.size);
  }
  return secrets;
}

async function register(
  api: PlatformApi,
  plan: FleetPlan,
  devices: readonly SimulatedDevice[],
  installations: ReadonlyMap<string, string>,
  secrets: Map<string, string>,
): Promise<void> {
  if (devices.length === 0) return;
  const { results } = await api.call<BatchResult>('POST', '/api/v1/devices/batch', {
    devices: devices.map((device) => ({
      id: device.id,
      name: device.name,
      productId: device.productId,
      installationId: installations.get(device.building),
      tags: device.tags,
      ...traitsOf(device, plan),
    })),
  });
  for (const { id, outcome, secret, problem } of results) {
    if (!secret) throw new Error(`the platform did not register ${id}: ${problem ?? outcome}`);
    secrets.set(id, secret);
  }
}

/** Times in settings are those of the simulated day, which passes faster. */
function traitsOf(device: SimulatedDevice, { speed, silent }: FleetPlan): DeviceTraits {
  const settings = {
    ...(device.fireLane ? { fireLane: true } : {}),
    ...(device.overstayMinutes ? { overstayMinutes: device.overstayMinutes / speed } : {}),
  };
  const expectedIntervalMs = silent.has(device)
    ? Math.max(shortestIntervalMs, Math.round(meterIntervalMs / speed))
    : usualIntervalMs;
  return { settings, expectedIntervalMs };
}

async function resume(api: PlatformApi, devices: readonly SimulatedDevice[]): Promise<void> {
  if (devices.length === 0) return;
  const latest = await api.latest(devices.map(({ id }) => id));
  for (const { id, model } of devices) {
    model.resume(Object.fromEntries((latest.get(id) ?? []).map(({ metric, value }) => [metric, value])));
  }
}

/** One installation point per building, found again by its name. */
async function registerBuildings(api: PlatformApi, fleet: readonly SimulatedDevice[]): Promise<Map<string, string>> {
  const points = await api.list<{ id: string; name: string }>('/api/v1/installations');
  const known = new Map(points.map(({ id, name }) => [name, id]));
  const first = new Map(fleet.map((device) => [device.building, device]));
  await eachOf(
    [...first.values()].filter(({ building }) => !known.has(building)),
    async (device) => {
      const { id } = await api.call<{ id: string }>('POST', '/api/v1/installations', {
        name: device.building,
        building: device.building,
        areaCode: device.areaCode,
        position: { crs: 'WGS-84', latitude: device.latitude, longitude: device.longitude },
      });
      known.set(device.building, id);
    },
  );
  return known;
}

/** Does something for each, a few at a time. */
async function eachOf<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const actNext = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: atATime }, actNext));
}
