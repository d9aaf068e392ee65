import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { decodeTransitions, encodeNormalisedMessages, partitionOf, type Transition } from '#libs/contracts';
import { type Seeded, seedDevices } from '#libs/devices/testing';
import { STREAM, type StreamLog, StreamModule, StreamServer } from '#libs/stream';
import { RulesApiModule, RulesStageModule } from './index.js';
import type { RuleView } from './rules.dto.js';
import { messageOf } from './testing/index.js';

let api: TestApi;
let tenant: TestTenant;
let meters: Seeded;
let stream: StreamLog;
let serial = 0;

beforeAll(async () => {
  const environment = { RULES_POLL_MS: '20', DEVICES_POLL_MS: '20' };
  api = await startTestApi([StreamModule, RulesStageModule, RulesApiModule], { environment });
  tenant = await api.createTenant('water');
  meters = await seedDevices(api.database, { tenantId: 'water', count: 2, status: 'active' });
  stream = api.app.get<StreamLog>(STREAM);
  api.app.connectMicroservice({ strategy: api.app.get(StreamServer) });
  await api.app.startAllMicroservices();
});
afterAll(async () => {
  await api.app.get(StreamServer).close();
  await api.stop();
});

async function report(n: number, values: Record<string, number | boolean | string>): Promise<void> {
  const key = meters.devices[n]?.key ?? '';
  serial += 1;
  const message = messageOf({ ...meters, key }, { observedAt: Date.now(), values }, `b.0.${serial}.0`);
  const partition = partitionOf(key, stream.partitions);
  await stream.append([{ stream: 'readings', lane: 'bulk', partition, data: encodeNormalisedMessages([message]) }]);
}

async function said(ruleKey: string): Promise<Transition[]> {
  const found: Transition[] = [];
  for (let partition = 0; partition < stream.partitions; partition += 1) {
    const source = { stream: 'transitions', group: 'look', lane: 'bulk' as const, partition };
    for (const entry of await stream.read(source, { after: 0, maxEntries: 1000, maxBytes: 1e7 })) {
      found.push(...decodeTransitions(entry.data));
    }
  }
  return found.filter((one) => one.ruleKey === ruleKey);
}

/** Waits until the rule has said `kinds`, sending `again` meanwhile where given. */
async function says(ruleKey: string, kinds: string[], again?: () => Promise<void>): Promise<Transition[]> {
  for (let tries = 0; tries < 200; tries += 1) {
    const all = await said(ruleKey);
    if (all.length >= kinds.length) {
      expect(all.map(({ kind }) => kind)).toEqual(kinds);
      return all;
    }
    await again?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`rule said ${JSON.stringify(await said(ruleKey))}, not ${kinds.join(', ')}`);
}

async function make(body: object): Promise<RuleView> {
  const answer = await api.call<RuleView>('POST', '/api/v1/rules', { token: tenant.token, body });
  expect(answer.status).toBe(201);
  return answer.body;
}

const pressure = (value: number) => ({ kind: 'threshold', conditions: [{ metric: 'pressure', operator: '<', value }] });
const title = { zh: '低压', en: 'Low pressure' };

describe('a rule from REST to transition', () => {
  it('judges within a moment, follows its change, and clears what it raised when it is deleted', async () => {
    const rule = await make({ slug: 'mine', title, severity: 'warning', definition: pressure(300) });
    const low = () => report(0, { pressure: 250 });
    await says(rule.id, ['raised'], low);
    const path = `/api/v1/rules/${rule.id}`;
    await api.call('PATCH', path, { token: tenant.token, body: { definition: pressure(200) } });
    await says(rule.id, ['raised', 'cleared'], low);
    await api.call('PATCH', path, { token: tenant.token, body: { definition: pressure(400) } });
    await says(rule.id, ['raised', 'cleared', 'raised'], low);
    expect((await api.call('DELETE', path, { token: tenant.token })).status).toBe(204);
    const all = await says(rule.id, ['raised', 'cleared', 'raised', 'cleared']);
    expect(all.at(-1)?.evidence).toEqual({ reason: 'rule_withdrawn' });
    expect(new Set(all.map(({ id }) => id)).size).toBe(4);
  });

  it('a tenant’s override takes the place of the built-in rule, for its own devices', async () => {
    const list = await api.call<{ items: RuleView[] }>('GET', '/api/v1/rules?limit=500', { token: tenant.token });
    const builtIn = list.body.items.find(({ slug }) => slug === 'water-valve-abnormal');
    const abnormal = () => report(1, { valve: 'abnormal' });
    await abnormal();
    await says(builtIn?.id ?? '', ['raised']);
    const override = await make({ overrides: builtIn?.id, severity: 'info' });
    await says(builtIn?.id ?? '', ['raised', 'cleared']);
    const [raised] = await says(override.id, ['raised'], abnormal);
    expect(raised).toMatchObject({ severity: 'info', deviceKey: meters.devices[1]?.key });
  });
});
