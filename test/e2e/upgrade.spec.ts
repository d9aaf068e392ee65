import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../platform/api-client.js';
import { eventually } from '../platform/eventually.js';
import { PlatformProcess } from '../platform/platform-process.js';
import { settledReconciliation } from '../platform/reconciliation.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import { type Recorded, unpackDataDir } from '../upgrade/packed-data-dir.js';

/** What the first release wrote until it was killed in the midst of a burst: `write-data-dir.ts` made it. */
const firstRelease = join('test', 'upgrade', 'first-release.bin');
/** Nothing is too old, however long after that this is run. */
const environment = {
  NOTIFIER_ALLOW_LOOPBACK: 'true',
  LOG_LEVEL: 'info',
  TELEMETRY_RETENTION_DAYS: '36500',
  NOTIFIER_RETENTION_DAYS: '3650',
  ALERTS_EVENT_RETENTION_DAYS: '3650',
};
/** How long after the upgrade of the stream has begun the process is killed, in milliseconds, while it takes that long. */
const killedAfterMs = [0, 5, 20, 70, 200, 600];
/** What goes on changing. */
const livingFields = ['presence', 'updatedAt', 'revision'];

interface Items<T = { id: string }> {
  items: T[];
}

describe('a DATA_DIR of the first release, killed in a burst, after this one was killed again and again upgrading it', () => {
  let platform: PlatformProcess;
  let api: ApiClient;
  let before: Recorded;
  const get = <T = Items>(path: string) => api.call<T>('GET', `/api/v1${path}`);

  beforeAll(async () => {
    platform = await PlatformProcess.create(environment);
    before = await unpackDataDir(firstRelease, platform.dataDir);
    expect(streamFormat()).toBe(1);
    await killWhileUpgrading();
    await start();
  }, 300_000);
  afterAll(() => platform?.remove(), 60_000);

  async function start(): Promise<void> {
    await platform.start();
    api = await ApiClient.logIn(platform);
  }

  function streamFormat(): number {
    return JSON.parse(readFileSync(join(platform.dataDir, 'stream', 'format.json'), 'utf8')).format;
  }

  async function killWhileUpgrading(): Promise<void> {
    let cutOff = 0;
    for (const afterMs of killedAfterMs) {
      const printed = platform.output().length;
      let listens = false;
      const starting = platform.start().then(
        () => {
          listens = true;
        },
        () => undefined,
      );
      // It listens where nothing was left to upgrade.
      while (!listens && !platform.output().includes('bringing', printed)) await sleep(2);
      await sleep(afterMs);
      await platform.kill();
      await starting;
      if (listens || streamFormat() !== 1) break;
      cutOff += 1;
    }
    expect(cutOff).toBeGreaterThan(1);
  }

  async function valuesOf(id: string): Promise<number[]> {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const { items } = await get<Items<{ value: number }>>(
      `/devices/${id}/readings?metric=${before.metric}&from=2026-01-01T00:00:00Z&to=${tomorrow}&limit=5000`,
    );
    return items.map(({ value }) => value).sort((a, b) => a - b);
  }

  async function expectEverything(reported: readonly number[] = []): Promise<void> {
    for (const [id, acknowledged] of Object.entries(before.acknowledged)) {
      const values = await valuesOf(id);
      // Of what the kill cut off nobody can say whether it had become durable; it is there once or not at all.
      const kept = (before.underWay[id] ?? []).filter((value) => values.includes(value));
      expect([id, values]).toEqual([id, [...acknowledged, ...kept, ...reported].sort((a, b) => a - b)]);
    }
  }

  it('has every reading that was acknowledged, once', async () => {
    expect(Object.values(before.acknowledged).flat().length).toBeGreaterThan(3_000);
    const { acknowledged, stored, deadLettered, difference } = await settledReconciliation(api);
    expect({ difference, sum: stored + deadLettered }).toEqual({ difference: 0, sum: acknowledged });
    await expectEverything();
  }, 120_000);

  it('answers as the first release did', async () => {
    expect(Object.keys(before.answers).length).toBeGreaterThan(25);
    const differences: string[] = [];
    for (const [path, answer] of Object.entries(before.answers)) {
      compare(answer, await get<unknown>(path), path, differences);
    }
    expect(differences).toEqual([]);
  }, 60_000);

  it('delivers what the first release could not, signed with the secret that it gave', async () => {
    const { id, secret } = before.endpoint;
    const desk = await WebhookDesk.open();
    const pending = (await get<Items<{ id: string; eventId: string; status: string }>>(`/endpoints/${id}/deliveries`))
      .items;
    const late = pending.filter(({ status }) => status !== 'delivered');
    expect(late.length).toBeGreaterThan(0);
    await api.call('PATCH', `/api/v1/endpoints/${id}`, { url: desk.url, enabled: true });
    // Refused where it is pending; what is days old has been given up meanwhile.
    for (const one of late) await api.ask('POST', `/api/v1/deliveries/${one.id}/replay`);
    for (const { eventId } of late) {
      const { headers, body } = await eventually(
        async () => desk.received.find((one) => one.headers['webhook-id'] === eventId),
        `the webhook ${eventId}`,
      );
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
      const signature = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
      expect(String(headers['webhook-signature']).split(' ')).toContain(signature);
    }
    desk.stop();
  }, 60_000);

  it('goes on: devices report with their secrets, and a second start finds all of it', async () => {
    const value = 7_777_777;
    for (const id of Object.keys(before.acknowledged)) {
      const response = await fetch(`${platform.ingestUrl}/devices/${id}/telemetry`, {
        method: 'POST',
        headers: { authorization: `Bearer ${before.secrets[id]}`, 'content-type': 'application/json' },
        body: JSON.stringify({ values: { [before.metric]: value } }),
      });
      expect(response.status).toBe(202);
    }
    const sofar = await settledReconciliation(api);
    expect(sofar.difference).toBe(0);
    expect(await platform.stop()).toBe(0);
    await start();
    expect(streamFormat()).toBe(2);
    expect(await settledReconciliation(api)).toEqual({ ...sofar, at: expect.any(String) });
    await expectEverything([value]);
  }, 240_000);
});

/** Says where something that was recorded is different now, or gone; what came since does not matter. */
function compare(recorded: unknown, now: unknown, where: string, differences: string[]): void {
  if (Array.isArray(recorded) && Array.isArray(now)) {
    for (const [at, one] of recorded.entries()) {
      const id = (one as { id?: unknown } | null)?.id;
      const same = id === undefined ? now[at] : now.find((other: { id?: unknown }) => other.id === id);
      compare(one, same, `${where}[${at}]`, differences);
    }
  } else if (recorded !== null && typeof recorded === 'object' && now !== null && typeof now === 'object') {
    for (const [field, value] of Object.entries(recorded)) {
      if (livingFields.includes(field)) continue;
      compare(value, (now as Record<string, unknown>)[field], `${where}.${field}`, differences);
    }
  } else if (recorded !== now) {
    differences.push(`${where}: ${JSON.stringify(recorded)} -> ${JSON.stringify(now)}`);
  }
}
