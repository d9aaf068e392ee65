import { describe, expect, it } from '@jest/globals';
import { ruleKinds } from './rule-fields.js';
import { emptyRuleForm, type RuleContent, type RuleForm, ruleDocumentOf, ruleFormOf } from './rule-form.js';
import { ruleProblems } from './rule-problems.js';
import { definitions, head, scope } from './rule-samples.js';

describe('a rule in a form', () => {
  it('is known in every kind', () => {
    expect(Object.keys(definitions).sort()).toEqual([...ruleKinds].sort());
  });

  it.each(ruleKinds)('of kind %s comes out as it went in, and nothing is wrong with it', (kind) => {
    const rule = { ...head, scope, definition: definitions[kind] as object } satisfies RuleContent;
    const form = ruleFormOf(rule);
    expect({ slug: form.slug, ...ruleDocumentOf(form) }).toEqual(rule);
    expect(ruleProblems(form, true)).toEqual([]);
  });

  it.each([
    ['threshold', ['definition.conditions.0.metric', 'definition.conditions.0.value']],
    ['change', ['definition.metric', 'definition.clearAfterMs']],
    ['event', ['definition.events']],
    ['delta', ['definition.metric', 'definition.tolerance', 'definition.maxRatePerHour']],
    ['window', ['definition.metric', 'definition.slotMs', 'definition.slots', 'definition.value']],
    ['absence', ['definition.intervals']],
    [
      'group',
      ['definition.conditions.0.metric', 'definition.conditions.0.value', 'definition.minimum', 'definition.windowMs'],
    ],
  ] as const)('of kind %s lacks what must be said', (kind, missing) => {
    const problems = ruleProblems(emptyRuleForm(kind), true);
    expect(problems.map(({ field }) => field)).toEqual(['slug', 'title.zh', 'title.en', ...missing]);
  });
});

describe('what the API would refuse of a rule', () => {
  function changed(kind: string, change: (form: RuleForm) => void): string[] {
    const form = ruleFormOf({ ...head, scope: {}, definition: definitions[kind] as object });
    change(form);
    return ruleProblems(form, true).map(({ field, message }) => `${field} ${message}`);
  }
  const condition = (value: string[], clear: string[] = []) => [
    { metric: 'pressure', operator: '<' as const, value, clear },
  ];

  it.each<[string, string, (form: RuleForm) => void, string[]]>([
    ['a slug in capitals', 'absence', (form) => Object.assign(form, { slug: 'Low' }), ['slug pattern']],
    ['a title too long', 'absence', (form) => Object.assign(form, { titleEn: 'x'.repeat(201) }), ['title.en tooLong']],
    [
      'size of a text',
      'threshold',
      (form) => Object.assign(form.definition, { conditions: condition(['low']) }),
      ['definition.conditions.0.value notNumber'],
    ],
    [
      'size of two numbers',
      'threshold',
      (form) => Object.assign(form.definition, { conditions: condition(['1', '2']) }),
      ['definition.conditions.0.value notNumber'],
    ],
    [
      'an end on the near side',
      'threshold',
      (form) => Object.assign(form.definition, { conditions: condition(['140'], ['120']) }),
      ['definition.conditions.0.clear clearBelow'],
    ],
    [
      'an end that is the bound',
      'threshold',
      (form) => Object.assign(form.definition, { conditions: condition(['140'], ['140']) }),
      [],
    ],
    [
      'nine conditions',
      'threshold',
      (form) => Object.assign(form.definition, { conditions: Array.from({ length: 9 }, () => condition(['1'])[0]) }),
      ['definition.conditions tooMany'],
    ],
    [
      'half a setting',
      'threshold',
      (form) => Object.assign(form.definition, { 'forSetting.name': '' }),
      ['definition.forSetting.name together'],
    ],
    [
      'a repeat too soon',
      'absence',
      (form) => Object.assign(form.definition, { repeatMs: { amount: 999, unit: 'ms' } }),
      ['definition.repeatMs tooSmall'],
    ],
    [
      'longer than 400 days',
      'threshold',
      (form) => Object.assign(form.definition, { forMs: { amount: 401, unit: 'd' } }),
      ['definition.forMs tooLarge'],
    ],
    [
      'a change without an end',
      'change',
      (form) => Object.assign(form.definition, { to: [], clearAfterMs: { amount: null, unit: 'min' } }),
      ['definition.clearAfterMs endless'],
    ],
    [
      'a rollover at a word',
      'delta',
      (form) => Object.assign(form.definition, { rolloverAt: ['many'] }),
      ['definition.rolloverAt.0 notNumber'],
    ],
    [
      'no rate at all',
      'delta',
      (form) => Object.assign(form.definition, { maxRatePerHour: 0 }),
      ['definition.maxRatePerHour mustBePositive'],
    ],
    ['half a slot', 'window', (form) => Object.assign(form.definition, { slots: 1.5 }), ['definition.slots notWhole']],
    [
      'a group of one',
      'group',
      (form) => Object.assign(form.definition, { minimum: 1 }),
      ['definition.minimum tooSmall'],
    ],
    [
      'a tag twice',
      'absence',
      (form) => form.scope.tags.push({ name: 'a', value: '' }, { name: 'a', value: '' }),
      ['scope.tags twice'],
    ],
    [
      'a tag without a name',
      'absence',
      (form) => form.scope.tags.push({ name: '', value: '1' }),
      ['scope.tags. required'],
    ],
    [
      'a device id too long',
      'absence',
      (form) => form.scope.deviceIds.push('x'.repeat(65)),
      ['scope.deviceIds.0 tooLong'],
    ],
  ])('%s', (_what, kind, change, problems) => {
    expect(changed(kind, change)).toEqual(problems);
  });
});
