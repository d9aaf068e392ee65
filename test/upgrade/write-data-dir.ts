// Lets an earlier release write a DATA_DIR: people, devices, readings, alerts, webhooks, dead letters, then a burst of readings
// in the midst of which it is killed. Packs it with what the release had answered and promised by then. To make it anew:
//     git worktree add /tmp/first 69194ff && cd /tmp/first && npm ci && npm run build
//     [ -e dist/apps/main.js ] || echo "import './all-in-one/main.js';" > dist/apps/main.js
//     node <this checkout>/dist/test/upgrade/write-data-dir.js <this checkout>/test/upgrade/first-release.bin
import { ApiClient } from '../platform/api-client.js';
import { eventually } from '../platform/eventually.js';
import { PlatformProcess } from '../platform/platform-process.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import { packDataDir, type Recorded } from './packed-data-dir.js';

interface Items<T = { id: string }> {
  items: T[];
}

const metric = 'metering.water.total';
const meters = ['meter-1', 'meter-2', 'meter-3', 'meter-4', 'meter-5', 'meter-6'];
const detectors = ['smoke-1', 'smoke-2'];
/** Messages before the burst, of each meter. */
const steps = 20;
/** The burst is cut off after so many acknowledgements: enough that bringing the stream to another format takes several steps. */
const burstMessages = 3_000;

const [packedFile = ''] = process.argv.slice(2);
const platform = await PlatformProcess.create({ NOTIFIER_ALLOW_LOOPBACK: 'true' });
await platform.start();
const api = await ApiClient.logIn(platform);
const call = <T>(method: string, path: string, body?: unknown) => api.call<T>(method, `/api/v1${path}`, body);
const get = <T = Items>(path: string) => call<T>('GET', path);
const desk = await WebhookDesk.open();
const secrets: Record<string, string> = {};
const acknowledged: Record<string, number[]> = {};
const underWay: Record<string, number[]> = {};
const begin = Date.now() - 3_000_000;
/** The burst's messages are numbered, and observed, from here on. */
const burstFrom = 1_000;

async function report(device: string, payload: string): Promise<void> {
  const response = await fetch(`${platform.ingestUrl}/devices/${device}/telemetry`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secrets[device]}`, 'content-type': 'application/json' },
    body: payload,
  });
  await response.text();
  if (response.status !== 202) throw new Error(`${device} was answered ${response.status}`);
}

async function reportTotal(at: number, seq: number): Promise<void> {
  const device = meters[at] ?? '';
  const value = at * 100_000 + seq;
  underWay[device] = [...(underWay[device] ?? []), value];
  await report(device, JSON.stringify({ time: begin + seq * 1_000, seq, values: { [metric]: value } }));
  underWay[device] = underWay[device].filter((other) => other !== value);
  acknowledged[device] = [...(acknowledged[device] ?? []), value];
}

async function furnish(): Promise<Recorded['endpoint']> {
  const tenant = await call<{ id: string }>('POST', '/tenants', { code: 'water', name: '水务局' });
  await call('POST', '/users', { login: 'li.wei', name: '李伟', roles: ['operator'], tenantId: tenant.id });
  await call('POST', '/users', { login: 'wang.fang', name: '王芳', roles: ['operator', 'vendor'] });
  const place = await call<{ id: string }>('POST', '/installations', {
    name: '1号楼 101',
    address: '汇川区 1 号',
    building: 'b1',
    position: { crs: 'GCJ-02', latitude: 27.71, longitude: 106.91 },
  });
  for (const id of [...meters, ...detectors]) {
    const productId = detectors.includes(id) ? 'fire-detector' : 'water-meter';
    const mounted = id === 'meter-1' ? { installationId: place.id } : {};
    const body = { id, name: id, productId, tags: { of: 'upgrade' }, ...mounted };
    secrets[id] = (await call<{ secret: string }>('POST', '/devices', body)).secret;
  }
  return await call<Recorded['endpoint']>('POST', '/endpoints', { name: 'duty desk', url: desk.url });
}

/** One alert that the duty desk was told of, and one that it is still to be told of: it has been switched off meanwhile. */
async function alarm(endpoint: string): Promise<void> {
  const told = desk.next('alert.raised');
  await report('smoke-1', JSON.stringify({ values: { fire: true } }));
  await told;
  const deliveries = (status: string) => get(`/endpoints/${endpoint}/deliveries?status=${status}`);
  await eventually(async () => (await deliveries('delivered')).items[0], 'what was delivered');
  await call('PATCH', `/endpoints/${endpoint}`, { enabled: false });
  desk.stop();
  const { items } = await get('/alerts?device=smoke-1');
  await call('POST', `/alerts/${items[0]?.id}/comments`, { text: '已派人前往 on the way' });
  await report('smoke-2', JSON.stringify({ values: { fire: true } }));
  await eventually(async () => (await deliveries('pending')).items[0], 'what is to be delivered');
}

/** Ranges end before the burst, so that the same question has the same answer after it, and in years. */
function range(to: number): string {
  return `from=${new Date(begin).toISOString()}&to=${new Date(to).toISOString()}`;
}

async function record(endpoint: string): Promise<Recorded['answers']> {
  const paths = ['/tenants', '/users', '/installations', '/products', '/rules', '/dead-letters', '/events'];
  const [observed, received] = [range(begin + burstFrom * 1_000), range(Date.now())];
  for (const id of meters) {
    paths.push(`/devices/${id}`, `/devices/${id}/readings?${observed}`, `/devices/${id}/frames?${received}`);
  }
  for (const id of detectors) paths.push(`/devices/${id}`, `/devices/${id}/readings/latest`);
  for (const { id } of (await get('/alerts')).items) paths.push(`/alerts/${id}`);
  for (const { id } of (await get('/dead-letters')).items) paths.push(`/dead-letters/${id}`);
  const delivered = await get(`/endpoints/${endpoint}/deliveries?status=delivered`);
  for (const { id } of delivered.items) paths.push(`/deliveries/${id}`);
  const answers: Recorded['answers'] = {};
  for (const path of paths) answers[path] = await get<unknown>(path);
  return answers;
}

/** All meters report at once and without pause; the platform is killed meanwhile. */
async function burst(): Promise<void> {
  let taken = 0;
  let killed: Promise<void> | undefined;
  const reporting = meters.map(async (_id, at) => {
    for (let seq = burstFrom; killed === undefined; seq++) {
      await reportTotal(at, seq);
      taken += 1;
      if (taken >= burstMessages) killed ??= platform.kill();
    }
  });
  // Those whose request the kill cut off are under way for ever.
  await Promise.allSettled(reporting);
  await killed;
}

const endpoint = await furnish();
for (let seq = 0; seq < steps; seq++) for (const at of meters.keys()) await reportTotal(at, seq);
await report('meter-1', '{"values":{"flowRate":NaN}}');
await report('meter-2', 'plain text');
await alarm(endpoint.id);
await eventually(async () => (await get('/dead-letters')).items[1], 'two dead letters');
for (const id of meters) {
  const path = `/devices/${id}/readings?metric=${metric}`;
  await eventually(async () => (await get(path)).items[steps - 1], `readings of ${id}`);
}
const answers = await record(endpoint.id);
await burst();
await packDataDir(platform.dataDir, { metric, secrets, answers, acknowledged, underWay, endpoint }, packedFile);
await platform.remove();
