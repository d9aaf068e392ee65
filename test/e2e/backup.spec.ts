import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../platform/api-client.js';
import { type Engines, enginesOffer, startEngines } from '../platform/engines.js';
import { eventually } from '../platform/eventually.js';
import { PlatformProcess } from '../platform/platform-process.js';
import { WebhookDesk } from '../platform/webhook-desk.js';

interface Ended {
  code: number | null;
  output: string;
  errors: string;
  /** The last line, of a command that was given --json. */
  result: Record<string, unknown>;
}

const meters = ['meter-1', 'meter-2', 'meter-3'];

/** Everything that people see of a platform, as REST shows it. */
async function seen(api: ApiClient): Promise<Record<string, unknown>> {
  const paths = [
    '/api/v1/devices?limit=50',
    '/api/v1/products?limit=200',
    '/api/v1/rules?limit=200',
    '/api/v1/users?limit=50',
    '/api/v1/tenants?limit=50',
    '/api/v1/endpoints?limit=50',
    '/api/v1/alerts?limit=50',
    '/api/v1/events?limit=50',
    ...[...meters, 'smoke-1'].flatMap((id) => [
      `/api/v1/devices/${id}`,
      `/api/v1/devices/${id}/readings/latest`,
      `/api/v1/devices/${id}/readings?limit=500`,
      `/api/v1/devices/${id}/frames?limit=50`,
    ]),
  ];
  const found: Record<string, unknown> = {};
  for (const path of paths) found[path] = comparable((await api.ask('GET', path)).body);
  return found;
}

/**
 * Lists without their order, which differs between engines within one report; and without the times of last signs of life, of
 * which the newest are not in a backup.
 */
function comparable(body: unknown): unknown {
  const { items } = body as { items?: object[] };
  const text = JSON.stringify(items ? items.map((item) => JSON.stringify(item)).sort() : body);
  return text.replace(/\\?"lastSeenAt\\?":\\?"[^"\\]*\\?"/g, '');
}

/** The same, once everything has come to rest: who is online, and what was delivered, is written a moment later. */
async function settled(api: ApiClient): Promise<Record<string, unknown>> {
  let [last, equal] = [await seen(api), 0];
  return eventually(async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const next = await seen(api);
    const text = JSON.stringify(next);
    equal = text === JSON.stringify(last) && !text.includes('"status":"registered"') ? equal + 1 : 0;
    last = next;
    return equal >= 3 ? next : undefined;
  }, 'rest');
}

/** Runs a command of the launcher to its end; `watch` sees what it prints, and may end it. */
async function command(
  words: readonly string[],
  environment: Record<string, string>,
  watch: (printed: string, child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['--enable-source-maps', join('dist', 'apps', 'main.js'), ...words, '--json'], {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', UV_THREADPOOL_SIZE: '12', ...environment },
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    watch(output, child);
  });
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  return { code, output, errors, result: last.startsWith('{') ? JSON.parse(last) : {} };
}

describe('a backup of the real platform', () => {
  const folder = mkdtempSync(join(tmpdir(), 'citysense-backups-'));
  const masterKey = { MASTER_KEY_FILE: join(folder, 'master.key') };
  const settings = { NOTIFIER_ALLOW_LOOPBACK: 'true', ...masterKey };
  const offer = enginesOffer(['redis', 'postgresql', 'influxdb']);
  const secrets = new Map<string, string>();
  const platforms: PlatformProcess[] = [];
  let desk: WebhookDesk;
  let password: string;
  let auditorPassword: string;
  let before: Record<string, unknown>;
  let alertId: string;
  let backup: string;
  let engines: Engines | undefined;

  async function platform(environment: Record<string, string> = {}): Promise<PlatformProcess> {
    const made = await PlatformProcess.create({ ...settings, ...environment });
    platforms.push(made);
    return made;
  }

  async function report(on: PlatformProcess, id: string, values: Record<string, unknown>): Promise<void> {
    const answer = await fetch(`${on.ingestUrl}/devices/${id}/telemetry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secrets.get(id)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ values }),
    });
    expect(answer.status).toBe(202);
  }

  async function reading(api: ApiClient, id: string, metric: string) {
    const { readings } = await api.call<{ readings: { metric: string; value: unknown; observedAt: string }[] }>(
      'GET',
      `/api/v1/devices/${id}/readings/latest`,
    );
    return readings.find((one) => one.metric === metric);
  }
  const latest = async (api: ApiClient, id: string, metric: string) => (await reading(api, id, metric))?.value;
  const observedAt = async (api: ApiClient, id: string, metric: string) => (await reading(api, id, metric))?.observedAt;

  /** That it goes on where the other one stood: the same to see, the same alert, nothing told twice, new readings on top. */
  async function goesOn(restored: PlatformProcess): Promise<void> {
    await restored.start();
    const api = await ApiClient.logIn(restored, 'admin', password);
    expect(await seen(api)).toEqual(before);
    const auditor = await ApiClient.logIn(restored, 'auditor', auditorPassword);
    expect(await auditor.call('GET', '/api/v1/audit-records/verification')).toMatchObject({ intact: true });
    const records = await auditor.call<{ items: { method: string; route: string }[] }>(
      'GET',
      '/api/v1/audit-records?limit=50',
    );
    const commands = records.items.filter(({ method }) => method === 'COMMAND').map(({ route }) => route);
    expect(commands).toEqual(expect.arrayContaining(['restore', 'backup']));
    const told = desk.received.length;
    const alarmAt = await observedAt(api, 'smoke-1', 'fire');
    await report(restored, 'smoke-1', { fire: true });
    await eventually(
      async () => (await observedAt(api, 'smoke-1', 'fire')) !== alarmAt || undefined,
      'the alarm again',
    );
    await report(restored, 'meter-1', { 'metering.water.total': 9_999 });
    await eventually(
      async () => (await latest(api, 'meter-1', 'metering.water.total')) === 9_999 || undefined,
      'the new reading',
    );
    // Long enough for an alert to be made of it, and told.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const alerts = await api.call<{ items: { id: string; status: string }[] }>('GET', '/api/v1/alerts?device=smoke-1');
    expect(alerts.items).toMatchObject([{ id: alertId, status: 'acknowledged' }]);
    expect(desk.received.slice(told).filter(({ event }) => event.type.endsWith('alert.raised'))).toEqual([]);
  }

  beforeAll(async () => {
    desk = await WebhookDesk.open();
    const source = await platform();
    await source.start();
    password = source.adminPassword();
    const api = await ApiClient.logIn(source);
    await api.call('POST', '/api/v1/endpoints', { name: 'duty desk', url: desk.url });
    await api.call('POST', '/api/v1/tenants', { code: 'water', name: '水务' });
    const auditor = { login: 'auditor', name: '审计', roles: ['auditor'], allTenants: true };
    auditorPassword = (await api.call<{ password: string }>('POST', '/api/v1/users', auditor)).password;
    for (const id of [...meters, 'smoke-1']) {
      const productId = id === 'smoke-1' ? 'fire-detector' : 'water-meter';
      const { secret } = await api.call<{ secret: string }>('POST', '/api/v1/devices', { id, name: id, productId });
      secrets.set(id, secret);
    }
    const raised = desk.next('alert.raised');
    await report(source, 'smoke-1', { fire: true });
    await raised;
    for (let round = 0; round < 20; round++) {
      for (const id of meters)
        await report(source, id, { 'metering.water.total': 1_000 + round, battery: 3.5, mystery: round });
    }
    for (const id of meters) {
      await eventually(
        async () => (await latest(api, id, 'metering.water.total')) === 1_019 || undefined,
        `the last of ${id}`,
      );
    }
    const { items } = await api.call<{ items: { id: string }[] }>('GET', '/api/v1/alerts?device=smoke-1');
    alertId = items[0]?.id ?? '';
    await api.call('POST', `/api/v1/alerts/${alertId}/acknowledge`);
    await eventually(
      async () => desk.received.some(({ event }) => event.type.endsWith('acknowledged')) || undefined,
      'the acknowledgement',
    );
    before = await settled(api);

    const running = await command(['backup', '--to', folder], { ...masterKey, DATA_DIR: source.dataDir });
    expect(running).toMatchObject({ code: 1, errors: expect.stringMatching(/is in use by process \d+.*[Ss]top it/s) });
    await source.stop();
    const made = await command(['backup', '--to', folder, '--keep', '2'], { ...masterKey, DATA_DIR: source.dataDir });
    expect(made).toMatchObject({ code: 0, errors: '' });
    expect(made.result).toMatchObject({ streamWhole: true, removed: [] });
    backup = String(made.result.folder);
  }, 240_000);

  afterAll(async () => {
    for (const one of platforms) await one.remove();
    await engines?.stop();
    desk.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  it('is readable by its owner alone, holds no key, and is verified without any engine', async () => {
    expect(statSync(backup).mode & 0o077).toBe(0);
    for (const name of readdirSync(backup)) expect(statSync(join(backup, name)).mode & 0o077).toBe(0);
    const key = Buffer.from(readFileSync(masterKey.MASTER_KEY_FILE, 'utf8').split(' ')[1] ?? '', 'base64');
    for (const name of readdirSync(backup)) expect(readFileSync(join(backup, name)).includes(key)).toBe(false);
    expect(await command(['backup', '--verify', backup], {})).toMatchObject({ code: 0 });
  });

  it('shows every damage, and nothing is restored of it', async () => {
    const place = join(folder, 'never-made');
    for (const name of ['manifest.json', 'telemetry.gz', 'stream.gz', 'registry-devices.gz']) {
      const copy = join(folder, 'damaged');
      cpSync(backup, copy, { recursive: true });
      const bytes = readFileSync(join(copy, name));
      const middle = bytes.length >> 1;
      bytes[middle] = (bytes[middle] as number) ^ 0x01;
      writeFileSync(join(copy, name), bytes);
      const ended = await command(['restore', '--from', copy], { ...masterKey, DATA_DIR: place });
      expect(ended).toMatchObject({ code: 1, errors: expect.stringContaining(`${name}`) });
      rmSync(copy, { recursive: true });
    }
    expect(existsSync(place)).toBe(false);
    const none = await command(['restore', '--from', folder], { ...masterKey, DATA_DIR: place });
    expect(none).toMatchObject({ code: 1, errors: expect.stringContaining('holds no complete backup') });
  }, 60_000);

  it('is not restored without its master key, with other partitions, or in another time zone', async () => {
    const place = join(folder, 'never-made');
    const other = join(folder, 'other.key');
    writeFileSync(other, `k1 ${Buffer.alloc(32, 7).toString('base64')}\n`);
    const attempt = (environment: Record<string, string>) =>
      command(['restore', '--from', backup], { ...masterKey, DATA_DIR: place, ...environment });
    expect((await attempt({ MASTER_KEY_FILE: join(folder, 'no.key') })).errors).toMatch(/is not there.*put the one/s);
    expect((await attempt({ MASTER_KEY_FILE: other })).errors).toContain(
      'is not the one that the secrets in the backup',
    );
    expect((await attempt({ STREAM_PARTITIONS: '8' })).errors).toContain('set STREAM_PARTITIONS=16');
    expect((await attempt({ PLATFORM_TIME_ZONE: 'UTC' })).errors).toContain('set it to Asia/Shanghai');
    expect(existsSync(place)).toBe(false);
  }, 60_000);

  it('goes on in an empty folder, also where the first restore was killed in its midst', async () => {
    const restored = await platform();
    const place = { ...masterKey, DATA_DIR: restored.dataDir };
    const killed = await command(['restore', '--from', backup], place, (printed, child) => {
      if (printed.includes('telemetry store\n')) child.kill('SIGKILL');
    });
    expect(killed.code).toBeNull();
    await expect(restored.start()).rejects.toThrow(/was not completed here.*run the restore again/s);
    expect(await command(['restore', '--from', backup], place)).toMatchObject({ code: 0, errors: '' });
    await goesOn(restored);
    await restored.stop();
    const again = await command(['restore', '--from', backup], place);
    expect(again).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/rows in the registry.*readings.*entries.*empty place/s),
    });
  }, 240_000);

  (offer.available ? it : it.skip)(
    `goes on on ${offer.title}, and comes back from there`,
    async () => {
      engines = await startEngines(['redis', 'postgresql', 'influxdb']);
      const servers = { ...engines.environment, STREAM_PARTITIONS: '16' };
      const restored = await platform(servers);
      const place = { ...masterKey, ...servers, DATA_DIR: restored.dataDir };
      expect(await command(['restore', '--from', backup], place)).toMatchObject({ code: 0, errors: '' });
      const first = await command(['backup', '--to', folder], place);
      expect(first).toMatchObject({ code: 0, result: { streamWhole: true } });
      await goesOn(restored);
      const whileRunning = await command(['backup', '--to', folder, '--keep', '2'], place);
      expect(whileRunning).toMatchObject({ code: 0, result: { streamWhole: false, removed: [expect.any(String)] } });
      await restored.stop();

      const home = await platform();
      const own = { ...masterKey, DATA_DIR: home.dataDir };
      expect(await command(['restore', '--from', String(first.result.folder)], own)).toMatchObject({
        code: 0,
        errors: '',
      });
      await goesOn(home);
      await home.stop();
      const last = await platform();
      const from = ['restore', '--from', String(whileRunning.result.folder)];
      expect(await command(from, { ...masterKey, DATA_DIR: last.dataDir })).toMatchObject({ code: 0, errors: '' });
      await last.start();
      const api = await ApiClient.logIn(last, 'admin', password);
      expect(await latest(api, 'meter-1', 'metering.water.total')).toBe(9_999);
      await report(last, 'meter-1', { 'metering.water.total': 10_000 });
      await eventually(
        async () => (await latest(api, 'meter-1', 'metering.water.total')) === 10_000 || undefined,
        'the reading after',
      );
    },
    400_000,
  );
});
