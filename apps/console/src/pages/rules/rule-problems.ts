import type { Duration } from '../../parts/duration.js';
import { millisecondsOf } from '../../parts/duration.js';
import { type FieldProblem, patternProblems, textProblems } from '../../parts/field-problem.js';
import { fieldsOf, type RuleField } from './rule-fields.js';
import type { ConditionForm, FieldValue, RuleForm, ScopeForm } from './rule-form.js';
import { scalarOf } from './scalar-text.js';

const slugPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
const mostScalars = 16;
const longestScalar = 200;

/** What the API would refuse of a rule, by the field's path in the request. A rule that has its slug keeps it. */
export function ruleProblems(form: RuleForm, isNew: boolean): FieldProblem[] {
  return [
    ...(isNew ? patternProblems('slug', form.slug, slugPattern) : []),
    ...textProblems('title.zh', form.titleZh, 200),
    ...textProblems('title.en', form.titleEn, 200),
    ...scopeProblems(form.scope),
    ...fieldsOf(form.kind).flatMap((field) =>
      fieldProblems(`definition.${field.name}`, field, form.definition[field.name] ?? null),
    ),
    ...togetherProblems(form),
    ...endlessProblems(form),
  ];
}

function fieldProblems(path: string, field: RuleField, value: FieldValue): FieldProblem[] {
  if (isEmpty(value)) return field.required ? [{ field: path, message: 'required' }] : [];
  switch (field.type) {
    case 'metric':
    case 'text':
      return textProblems(path, value as string, field.longest);
    case 'number':
      return numberProblems(path, field, value as number);
    case 'duration':
      return numberProblems(path, { ...field, whole: true }, millisecondsOf(value as Duration) as number);
    case 'choice':
      return [];
    case 'texts':
    case 'scalars':
      return listProblems(path, value as string[], field.most, field.longest);
    case 'numbers':
      return [
        ...listProblems(path, value as string[], field.most, field.longest),
        ...(value as string[]).flatMap((text, index) => positiveProblems(`${path}.${index}`, text)),
      ];
    case 'conditions':
      return conditionsProblems(path, value as ConditionForm[], field.most);
  }
}

function isEmpty(value: FieldValue): boolean {
  if (value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && value.amount === null;
}

function numberProblems(
  field: string,
  { least, most, above, whole }: { least: number; most: number; above?: boolean; whole?: boolean },
  value: number,
): FieldProblem[] {
  if (!Number.isFinite(value)) return [{ field, message: 'notNumber' }];
  if (whole && !Number.isInteger(value)) return [{ field, message: 'notWhole' }];
  if (above && value <= least) return [{ field, message: 'mustBePositive' }];
  if (value < least) return [{ field, message: 'tooSmall', values: { least } }];
  return value > most ? [{ field, message: 'tooLarge', values: { most } }] : [];
}

function positiveProblems(field: string, text: string): FieldProblem[] {
  const value = scalarOf(text);
  if (typeof value !== 'number') return [{ field, message: 'notNumber' }];
  return value > 0 ? [] : [{ field, message: 'mustBePositive' }];
}

function listProblems(field: string, texts: readonly string[], most: number, longest: number): FieldProblem[] {
  const long = texts.findIndex((text) => text.length > longest || text === '');
  return [
    ...(texts.length > most ? [{ field, message: 'tooMany' as const, values: { most } }] : []),
    ...(long >= 0 ? textProblems(`${field}.${long}`, texts[long] as string, longest) : []),
  ];
}

function conditionsProblems(path: string, conditions: readonly ConditionForm[], most: number): FieldProblem[] {
  return [
    ...(conditions.length > most ? [{ field: path, message: 'tooMany' as const, values: { most } }] : []),
    ...conditions.flatMap((condition, index) => conditionProblems(`${path}.${index}`, condition)),
  ];
}

function conditionProblems(path: string, condition: ConditionForm): FieldProblem[] {
  const problems = [
    ...textProblems(`${path}.metric`, condition.metric, 200),
    ...(condition.value.length === 0 ? [{ field: `${path}.value`, message: 'required' as const }] : []),
    ...listProblems(`${path}.value`, condition.value, mostScalars, longestScalar),
    ...listProblems(`${path}.clear`, condition.clear, mostScalars, longestScalar),
  ];
  return problems.length > 0 || !/[<>]/.test(condition.operator) ? problems : orderingProblems(path, condition);
}

/** A comparison by size is with one number, and ends on its far side. */
function orderingProblems(path: string, { operator, value, clear }: ConditionForm): FieldProblem[] {
  const [bound, ...others] = value.map(scalarOf);
  if (others.length > 0 || typeof bound !== 'number') return [{ field: `${path}.value`, message: 'notNumber' }];
  if (clear.length === 0) return [];
  const [end, ...more] = clear.map(scalarOf);
  if (more.length > 0 || typeof end !== 'number') return [{ field: `${path}.clear`, message: 'notNumber' }];
  const upward = operator.startsWith('>');
  if (upward ? end > bound : end < bound) {
    return [{ field: `${path}.clear`, message: upward ? 'clearAbove' : 'clearBelow' }];
  }
  return [];
}

/** Members of an optional object are given together or not at all. */
function togetherProblems(form: RuleForm): FieldProblem[] {
  const members = fieldsOf(form.kind).filter(({ name }) => name.includes('.'));
  return members
    .filter(({ name }) => isEmpty(form.definition[name] ?? null))
    .filter(({ name }) =>
      members.some(
        (other) => other.name.split('.')[0] === name.split('.')[0] && !isEmpty(form.definition[other.name] ?? null),
      ),
    )
    .map(({ name }) => ({ field: `definition.${name}`, message: 'together' }));
}

/** A change to anything has no state that it could leave. */
function endlessProblems({ kind, definition }: RuleForm): FieldProblem[] {
  if (kind !== 'change') return [];
  const ends = !isEmpty(definition.to ?? null) || !isEmpty(definition.clearAfterMs ?? null);
  return ends ? [] : [{ field: 'definition.clearAfterMs', message: 'endless' }];
}

function scopeProblems(scope: ScopeForm): FieldProblem[] {
  return [
    ...listProblems('scope.productIds', scope.productIds, 100, 100),
    ...listProblems('scope.domains', scope.domains, 100, 100),
    ...listProblems('scope.deviceIds', scope.deviceIds, 1_000, 64),
    ...pairProblems('scope.tags', scope.tags),
    ...pairProblems('scope.settings', scope.settings),
  ];
}

function pairProblems(field: string, pairs: ScopeForm['tags']): FieldProblem[] {
  const names = pairs.map(({ name }) => name);
  if (new Set(names).size < names.length) return [{ field, message: 'twice' }];
  return pairs.flatMap(({ name, value }) => [
    ...textProblems(`${field}.${name}`, name, 100),
    ...(value.length > 200 ? [{ field: `${field}.${name}`, message: 'tooLong' as const, values: { most: 200 } }] : []),
  ]);
}
