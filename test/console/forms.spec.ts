import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApi, type TestApi } from '#libs/access/testing';
import { DevicesApiModule } from '#libs/devices';
import { RulesApiModule } from '#libs/rules';
import {
  emptyProperty,
  emptyVersion,
  type PropertyForm,
  type VersionForm,
  versionDocumentOf,
  versionFormOf,
} from '../../apps/console/src/pages/products/version-form.js';
import { versionProblems } from '../../apps/console/src/pages/products/version-problems.js';
import { ruleKinds } from '../../apps/console/src/pages/rules/rule-fields.js';
import {
  emptyRuleForm,
  type RuleForm,
  ruleDocumentOf,
  ruleFormOf,
} from '../../apps/console/src/pages/rules/rule-form.js';
import { ruleProblems } from '../../apps/console/src/pages/rules/rule-problems.js';
import { definitions, head, scope } from '../../apps/console/src/pages/rules/rule-samples.js';
import { type Role, tenantProblems, userProblems } from '../../apps/console/src/parts/account-forms.js';

interface Problem {
  errors?: { field: string; problem: string }[];
}

/** What a form says is wrong, and what the API says of the same: the paths of the fields. */
interface Verdict {
  form: string[];
  api: string[];
}

describe("the console's forms judge as the API does", () => {
  let api: TestApi;
  let made = 0;

  beforeAll(async () => {
    api = await startTestApi([RulesApiModule, DevicesApiModule]);
  });
  afterAll(() => api.stop());

  async function fieldsRefused(path: string, body: unknown): Promise<string[]> {
    const answer = await api.call<Problem>('POST', `/api/v1${path}`, { body });
    if (answer.status === 201) return [];
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
    return [...new Set((answer.body.errors ?? []).map(({ field }) => field))].sort();
  }

  async function ruleVerdict(form: RuleForm): Promise<Verdict> {
    made += 1;
    const named = { ...form, slug: `rule-${made}` };
    return {
      form: ruleProblems(named, true).map(({ field }) => field),
      api: await fieldsRefused('/rules', { slug: named.slug, ...ruleDocumentOf(named) }),
    };
  }

  it.each(ruleKinds)('takes a rule of kind %s that says all it can', async (kind) => {
    const form = ruleFormOf({ ...head, scope, definition: definitions[kind] as object });
    expect(await ruleVerdict(form)).toEqual({ form: [], api: [] });
  });

  const condition = (value: string[], clear: string[] = []) => [
    { metric: 'pressure', operator: '<' as const, value, clear },
  ];
  it.each<[string, Record<string, unknown>]>([
    ['threshold', { conditions: condition(['low']) }],
    ['threshold', { conditions: condition(['1', '2']) }],
    ['threshold', { conditions: condition(['140'], ['120']) }],
    ['threshold', { conditions: condition(['140'], ['none']) }],
    ['threshold', { conditions: Array.from({ length: 9 }, () => condition(['1'])[0]) }],
    ['threshold', { 'forSetting.name': '' }],
    ['threshold', { 'forSetting.unitMs': { amount: null, unit: 'min' } }],
    ['threshold', { 'forSetting.unitMs': { amount: 2, unit: 'd' } }],
    ['threshold', { forMs: { amount: 401, unit: 'd' } }],
    ['threshold', { repeatMs: { amount: 1, unit: 'ms' } }],
    ['change', { metric: '' }],
    ['change', { to: [], clearAfterMs: { amount: null, unit: 'min' } }],
    ['change', { from: Array.from({ length: 17 }, String) }],
    ['event', { events: [] }],
    ['event', { clearEvents: ['x'.repeat(101)] }],
    ['delta', { tolerance: -1 }],
    ['delta', { maxRatePerHour: 0 }],
    ['delta', { rolloverAt: ['-1'] }],
    ['window', { slots: 97 }],
    ['window', { slots: 1.5 }],
    ['window', { slotMs: { amount: 2, unit: 'd' } }],
    ['window', { 'baseline.factor': 0.5 }],
    ['window', { 'baseline.memorySlots': null }],
    ['absence', { intervals: 0.5 }],
    ['group', { minimum: 1 }],
    ['group', { windowMs: { amount: null, unit: 'min' } }],
  ])('refuses the same fields of a rule of kind %s: %j', async (kind, change) => {
    const form = ruleFormOf({ ...head, scope: {}, definition: definitions[kind] as object });
    Object.assign(form.definition, change);
    const verdict = await ruleVerdict(form);
    expect(verdict.form).not.toEqual([]);
    expect(verdict.api.map(whole)).toEqual([...new Set(verdict.form.map(whole))].sort());
  });

  it.each(ruleKinds)('refuses an empty rule of kind %s', async (kind) => {
    const verdict = await ruleVerdict({ ...emptyRuleForm(kind), titleZh: '空', titleEn: 'Empty' });
    expect(verdict.form).not.toEqual([]);
    expect(verdict.api).not.toEqual([]);
  });

  const property = (change: Partial<PropertyForm>): Partial<VersionForm> => ({
    properties: [{ ...emptyProperty(), identifier: 'a', zh: '一', en: 'One', ...change }],
  });
  it.each<[Partial<VersionForm>]>([
    [{}],
    [property({ low: 0, high: 1, unit: 'L' })],
    [property({ identifier: '1st' })],
    [property({ identifier: 'a.constructor' })],
    [property({ zh: '' })],
    [property({ low: 2, high: 1 })],
    [property({ type: 'boolean', kind: 'counter' })],
    [property({ type: 'string', unit: 'L' })],
    [property({ values: ['open'] })],
    [{ decoder: 'codec', script: '' }],
    [{ decoder: 'builtin', builtin: 'CJT 188' }],
    [{ interval: { amount: 500, unit: 'ms' } }],
    [{ goldenFrames: [{ name: 'x', kind: 'up', port: null, hex: '0', expected: '{"a":1}' }] }],
    [{ goldenFrames: [{ name: 'x', kind: 'up', port: null, hex: '00', expected: '{}' }] }],
  ])('judges a version of a product: %j', async (change) => {
    made += 1;
    const form = { ...versionFormOf(emptyVersion), ...change };
    const refused = await fieldsRefused('/products', {
      id: `product-${made}`,
      name: { zh: '表', en: 'Meter' },
      domain: 'water',
      ...versionDocumentOf(form),
    });
    expect(versionProblems(form).map(({ field }) => field)).toEqual(refused);
  });

  it.each<[string, string, Role[]]>([
    ['li.wei', '李伟', ['operator']],
    ['l', '李伟', ['operator']],
    ['li wei', '李伟', []],
    ['wang', '', []],
  ])('judges an account: %j, %j, %j', async (login, name, roles) => {
    const form = { login, name, roles, allTenants: false, tenantId: '' };
    const refused = await fieldsRefused('/users', { login, name, roles });
    expect(userProblems(form, true).map(({ field }) => field)).toEqual(refused);
  });

  it.each([
    ['water-bureau', '水务局'],
    ['-water', '水务局'],
    ['fire', ''],
  ])('judges a tenant: %j, %j', async (code, name) => {
    expect(tenantProblems({ code, name }, true).map(({ field }) => field)).toEqual(
      await fieldsRefused('/tenants', { code, name }),
    );
  });
});

/** Of an item of a list and of the list, the list: which item it is, both need not say alike. */
function whole(field: string): string {
  return field.replace(/\.\d+$/, '').replace(/^definition\.rolloverAt\..*$/, 'definition.rolloverAt');
}
