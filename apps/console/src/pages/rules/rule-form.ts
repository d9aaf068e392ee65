import { type Duration, durationOf, millisecondsOf } from '../../parts/duration.js';
import type { Severity } from '../../parts/vocabulary.js';
import { fieldsOf, type Operator, type RuleField, type RuleKind } from './rule-fields.js';
import { type Scalar, scalarOf, textOf } from './scalar-text.js';

/** A condition as it is written: values are texts, several of them only with `==` and `!=`. */
export interface ConditionForm {
  metric: string;
  operator: Operator;
  value: string[];
  clear: string[];
}

/** What a field of a definition holds while it is written. */
export type FieldValue = string | number | null | Duration | string[] | ConditionForm[];

/** A rule while it is written. */
export interface RuleForm {
  slug: string;
  titleZh: string;
  titleEn: string;
  severity: Severity;
  enabled: boolean;
  scope: ScopeForm;
  kind: RuleKind;
  /** By the field's name, for the fields of `kind`. */
  definition: Record<string, FieldValue>;
}

/** Which devices a rule judges; what is empty does not count. */
export interface ScopeForm {
  productIds: string[];
  domains: string[];
  deviceIds: string[];
  tags: { name: string; value: string }[];
  settings: { name: string; value: string }[];
}

/** A rule as the API gives it, as far as a form shows it. */
export interface RuleContent {
  slug: string;
  title: { zh: string; en: string };
  severity: Severity;
  enabled: boolean;
  scope: object;
  definition: object;
}

export function emptyRuleForm(kind: RuleKind = 'threshold'): RuleForm {
  return {
    slug: '',
    titleZh: '',
    titleEn: '',
    severity: 'warning',
    enabled: true,
    scope: scopeFormOf({}),
    kind,
    definition: definitionFormOf(kind, {}),
  };
}

export function ruleFormOf(rule: RuleContent): RuleForm {
  const definition = rule.definition as { kind: RuleKind };
  return {
    slug: rule.slug,
    titleZh: rule.title.zh,
    titleEn: rule.title.en,
    severity: rule.severity,
    enabled: rule.enabled,
    scope: scopeFormOf(rule.scope),
    kind: definition.kind,
    definition: definitionFormOf(definition.kind, rule.definition),
  };
}

/** The fields of a kind as the document has them, empty where it says nothing. */
export function definitionFormOf(kind: RuleKind, document: object): Record<string, FieldValue> {
  return Object.fromEntries(
    fieldsOf(kind).map((field) => [field.name, fieldForm(field, memberOf(document, field.name))]),
  );
}

export function emptyCondition(): ConditionForm {
  return { metric: '', operator: '>', value: [], clear: [] };
}

/** What the API takes: everything of the rule but its slug, which never changes. */
export function ruleDocumentOf(form: RuleForm): Omit<RuleContent, 'slug'> {
  return {
    title: { zh: form.titleZh.trim(), en: form.titleEn.trim() },
    severity: form.severity,
    enabled: form.enabled,
    scope: scopeDocumentOf(form.scope),
    definition: definitionDocumentOf(form),
  };
}

function definitionDocumentOf(form: RuleForm): Record<string, unknown> {
  const document: Record<string, unknown> = { kind: form.kind };
  for (const field of fieldsOf(form.kind)) {
    const value = fieldDocument(field, form.definition[field.name] ?? null);
    if (value === undefined) continue;
    const [name, member] = field.name.split('.') as [string, string | undefined];
    if (member === undefined) document[name] = value;
    else document[name] = { ...(document[name] as object | undefined), [member]: value };
  }
  return document;
}

function scopeDocumentOf(scope: ScopeForm): Record<string, unknown> {
  const pairs = (list: ScopeForm['tags'], meaning: (text: string) => Scalar) =>
    Object.fromEntries(list.filter(({ name }) => name !== '').map(({ name, value }) => [name, meaning(value)]));
  const all: [string, object][] = [
    ['productIds', scope.productIds],
    ['domains', scope.domains],
    ['deviceIds', scope.deviceIds],
    ['tags', pairs(scope.tags, String)],
    ['settings', pairs(scope.settings, scalarOf)],
  ];
  return Object.fromEntries(all.filter(([, value]) => Object.keys(value).length > 0));
}

function scopeFormOf(scope: object): ScopeForm {
  const given = scope as Partial<Record<string, string[]>> & { tags?: object; settings?: object };
  const pairs = (record: object | undefined) =>
    Object.entries(record ?? {}).map(([name, value]) => ({ name, value: textOf(value as Scalar) }));
  return {
    productIds: [...(given.productIds ?? [])],
    domains: [...(given.domains ?? [])],
    deviceIds: [...(given.deviceIds ?? [])],
    tags: Object.entries(given.tags ?? {}).map(([name, value]) => ({ name, value: String(value) })),
    settings: pairs(given.settings),
  };
}

function fieldForm(field: RuleField, value: unknown): FieldValue {
  switch (field.type) {
    case 'duration':
      return durationOf(value as number | undefined);
    case 'number':
      return (value as number | undefined) ?? null;
    case 'choice':
      return (value as string | undefined) ?? field.preset;
    case 'metric':
    case 'text':
      return (value as string | undefined) ?? '';
    case 'texts':
      return [...((value as string[] | undefined) ?? [])];
    case 'scalars':
    case 'numbers':
      return ((value as Scalar[] | undefined) ?? []).map(textOf);
    case 'conditions':
      return ((value as ConditionDocument[] | undefined) ?? (field.required ? [emptyDocument] : [])).map(conditionForm);
  }
}

interface ConditionDocument {
  metric: string;
  operator: Operator;
  value: Scalar | Scalar[];
  clear?: Scalar | Scalar[];
}

const emptyDocument: ConditionDocument = { metric: '', operator: '>', value: [] };

function conditionForm({ metric, operator, value, clear }: ConditionDocument): ConditionForm {
  const texts = (one: Scalar | Scalar[] | undefined) =>
    one === undefined ? [] : (Array.isArray(one) ? one : [one]).map(textOf);
  return { metric, operator, value: texts(value), clear: texts(clear) };
}

/** A field's value as the API takes it; undefined where it is not given. */
function fieldDocument(field: RuleField, value: FieldValue): unknown {
  if (value === null || value === '') return undefined;
  if (typeof value === 'string') return value.trim();
  if (typeof value === 'number') return value;
  if (!Array.isArray(value)) return millisecondsOf(value);
  if (value.length === 0) return undefined;
  if (field.type === 'texts') return value;
  return value.map((one) => (typeof one === 'string' ? scalarOf(one) : conditionDocument(one)));
}

function conditionDocument({ metric, operator, value, clear }: ConditionForm): ConditionDocument {
  const scalars = (texts: string[]) => {
    const values = texts.map(scalarOf);
    return values.length === 1 ? (values[0] as Scalar) : values;
  };
  return {
    metric: metric.trim(),
    operator,
    value: scalars(value),
    ...(clear.length > 0 ? { clear: scalars(clear) } : {}),
  };
}

function memberOf(document: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inside, name) => (inside as Record<string, unknown> | undefined)?.[name], document);
}
