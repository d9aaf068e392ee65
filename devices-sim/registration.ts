import type { SimulatedDevice } from './fleet.js';
import type { PlatformApi } from './platform-api.js';

const perBatch = 200;
const rotationsAtATime = 8;

interface BatchResult {
  results: { id: string; outcome: string; secret?: string }[];
}

/**
 * Makes every device of the fleet known to the platform and returns its secret by device id. Devices of an earlier run
 * get a new secret: nobody can look the old one up.
 */
export async function registerFleet(
  api: PlatformApi,
  fleet: readonly SimulatedDevice[],
  speed: number,
  progress: (registered: number) => void,
): Promise<Map<string, string>> {
  const secrets = new Map<string, string>();
  const installations = await registerBuildings(api, fleet);
  for (let from = 0; from < fleet.length; from += perBatch) {
    const devices = fleet.slice(from, from + perBatch).map((device) => ({
      id: device.id,
      name: device.name,
      productId: device.productId,
      installationId: installations.get(device.building),
      tags: device.tags,
      settings: device.settings,
      expectedIntervalMs: Math.max(1_000, Math.round(device.intervalMs / speed)),
    }));
    const { results } = await api.call<BatchResult>('POST', '/api/v1/devices/batch', { devices });
    await rotateKnown(api, results, secrets);
    progress(secrets.size);
  }
  return secrets;
}

async function rotateKnown(api: PlatformApi, results: BatchResult['results'], secrets: Map<string, string>) {
  const known: string[] = [];
  for (const { id, secret } of results) {
    if (secret) secrets.set(id, secret);
    else known.push(id);
  }
  const rotate = async () => {
    for (let id = known.pop(); id; id = known.pop()) {
      const { secret } = await api.call<{ secret: string }>('POST', `/api/v1/devices/${id}/secret`, {});
      secrets.set(id, secret);
    }
  };
  await Promise.all(Array.from({ length: rotationsAtATime }, rotate));
}

/** One installation point per building, found again by its name. */
async function registerBuildings(api: PlatformApi, fleet: readonly SimulatedDevice[]): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { items: { id: string; name: string }[]; nextCursor: string | null } = await api.call(
      'GET',
      `/api/v1/installations?limit=500${query}`,
    );
    for (const { id, name } of page.items) known.set(name, id);
    cursor = page.nextCursor;
  }
  for (const device of fleet) {
    if (known.has(device.building)) continue;
    const { id } = await api.call<{ id: string }>('POST', '/api/v1/installations', {
      name: device.building,
      building: device.building,
      areaCode: device.areaCode,
      position: { crs: 'WGS-84', latitude: device.latitude, longitude: device.longitude },
    });
    known.set(device.building, id);
  }
  return known;
}
