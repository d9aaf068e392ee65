import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { builtInRules } from './built-in/built-in-rules.js';
import { RulesApiModule } from './index.js';
import type { RuleView } from './rules.dto.js';
import { RulesRepository } from './rules.repository.js';

const path = '/api/v1/rules';
const own = {
  slug: 'cold-water',
  title: { zh: '水温过低', en: 'Water too cold' },
  severity: 'minor',
  scope: { domains: ['water'], deviceIds: ['METER-1'] },
  definition: {
    kind: 'threshold',
    conditions: [{ metric: 'water.temperature.current', operator: '<', value: 2, clear: 4 }],
  },
};
let api: TestApi;
let water: TestTenant;
let fire: TestTenant;

beforeAll(async () => {
  api = await startTestApi([RulesApiModule]);
  water = await api.createTenant('water');
  fire = await api.createTenant('fire');
});
afterAll(() => api.stop());

async function builtIn(slug: string): Promise<RuleView> {
  const { body } = await api.call<{ items: RuleView[] }>('GET', `${path}?limit=500&builtIn=true`, {
    token: water.token,
  });
  const rule = body.items.find((one) => one.slug === slug);
  if (!rule) throw new Error(`no ${slug} among ${body.items.length}`);
  return rule;
}

describe('rules over REST', () => {
  it('lists the built-in rules with titles in both languages', async () => {
    const rule = await builtIn('fire-alarm');
    expect(rule).toMatchObject({
      builtIn: true,
      tenantId: null,
      severity: 'critical',
      title: { zh: '火警', en: 'Fire alarm' },
    });
  });

  it('makes, reads, changes and deletes a rule by revision', async () => {
    const made = await api.call<RuleView>('POST', path, { token: water.token, body: own });
    expect(made).toMatchObject({
      status: 201,
      body: { slug: 'cold-water', enabled: true, builtIn: false, revision: 1 },
    });
    expect(made.body.scope).toEqual({ domains: ['water'], deviceIds: ['meter-1'] });
    expect(made.body.definition).toMatchObject({ forMs: 0, match: 'any' });
    const one = `${path}/${made.body.id}`;
    const read = await api.call<RuleView>('GET', one, { token: water.token });
    expect(read.headers.get('etag')).toBe('"1"');
    const body = { enabled: false };
    const changed = await api.call<RuleView>('PATCH', one, {
      token: water.token,
      body,
      headers: { 'if-match': '"1"' },
    });
    expect(changed).toMatchObject({ status: 200, body: { enabled: false, revision: 2 } });
    const stale = await api.call('PATCH', one, { token: water.token, body, headers: { 'if-match': '"1"' } });
    expect(stale).toMatchObject({ status: 412, body: { code: 'revision_conflict' } });
    expect((await api.call('DELETE', one, { token: water.token })).status).toBe(204);
    expect((await api.call('GET', one, { token: water.token })).status).toBe(404);
    expect((await api.call('POST', path, { token: water.token, body: own })).status).toBe(201);
    expect(await api.call('POST', path, { token: water.token, body: own })).toMatchObject({
      status: 409,
      body: { code: 'rule_exists' },
    });
  });

  it('says what is wrong with a definition, and where', async () => {
    const definition = {
      kind: 'threshold',
      conditions: [{ metric: 'pressure', operator: '<', value: 140, clear: 100 }],
    };
    const answer = await api.call<{ code: string; errors: unknown[] }>('POST', path, {
      token: water.token,
      body: { ...own, slug: 'wrong', definition },
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    expect(answer.body.errors).toEqual([
      { field: 'definition.conditions.0.clear', problem: 'must not be below value with <' },
    ]);
    for (const bad of [{ kind: 'magic' }, { ...own.definition, extra: 1 }, { kind: 'change', metric: 'valve' }]) {
      const refused = await api.call('POST', path, {
        token: water.token,
        body: { ...own, slug: 'wrong', definition: bad },
      });
      expect(refused).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    }
    expect(await api.call('POST', path, { token: water.token, body: { slug: 'empty' } })).toMatchObject({
      status: 400,
    });
  });

  it('a tenant overrides a built-in rule for itself, and cannot change it for others', async () => {
    const rule = await builtIn('water-low-pressure');
    const refused = await api.call('PATCH', `${path}/${rule.id}`, { token: water.token, body: { enabled: false } });
    expect(refused).toMatchObject({ status: 403, body: { code: 'rule_built_in' } });
    const body = { overrides: rule.id, severity: 'major' };
    const override = await api.call<RuleView>('POST', path, { token: water.token, body });
    expect(override).toMatchObject({
      status: 201,
      body: { slug: rule.slug, overrides: rule.id, severity: 'major', title: rule.title, definition: rule.definition },
    });
    expect(await api.call('POST', path, { token: water.token, body })).toMatchObject({ status: 409 });
    expect(await api.call('GET', `${path}/${override.body.id}`, { token: fire.token })).toMatchObject({ status: 404 });
    expect(await api.call('POST', path, { token: fire.token, body: { overrides: override.body.id } })).toMatchObject({
      status: 404,
    });
  });

  it('an administrator of every tenant changes a built-in rule for all, and a later start keeps the change', async () => {
    const rule = await builtIn('device-low-battery');
    const answer = await api.call<RuleView>('PATCH', `${path}/${rule.id}`, { body: { severity: 'info' } });
    expect(answer).toMatchObject({ status: 200, body: { severity: 'info', revision: 2 } });
    const upgraded = builtInRules.map((one) =>
      one.slug === 'device-tamper' ? { ...one, severity: 'minor' as const } : one,
    );
    await new RulesRepository(api.database).seed(upgraded);
    expect(await builtIn('device-tamper')).toMatchObject({ severity: 'minor', revision: 2 });
    expect(await builtIn('device-low-battery')).toMatchObject({ severity: 'info', revision: 2 });
    expect(await builtIn('fire-alarm')).toMatchObject({ revision: 1 });
    expect(await api.call('DELETE', `${path}/${rule.id}`)).toMatchObject({
      status: 409,
      body: { code: 'rule_built_in' },
    });
  });
});
