/** What is wrong with one field of a form: a message of the section `forms`, and what it names. */
export interface FieldProblem {
  /** Path as the API names it: `definition.conditions.0.value`. */
  field: string;
  /** Key within the section `forms`, or, where `said` is given, of no use. */
  message: FieldMessage;
  values?: Record<string, string | number>;
  /** The API's own words, where it was the API that refused. */
  said?: string;
}

/** Every message that a form has of its own. */
export const fieldMessages = [
  'required',
  'tooLong',
  'tooMany',
  'tooFew',
  'tooSmall',
  'tooLarge',
  'mustBePositive',
  'notWhole',
  'notNumber',
  'notTime',
  'notAfter',
  'pattern',
  'twice',
  'clearAbove',
  'clearBelow',
  'endless',
  'together',
  'notJson',
  'notHex',
  'notBase64',
  'notUrl',
  'notNetwork',
  'auditorAlone',
  'rangeOrder',
  'onlyNumbers',
  'onlyStrings',
  'said',
] as const;
export type FieldMessage = (typeof fieldMessages)[number];

/** Errors of a problem document, as problems of fields. */
export function problemsSaid(errors: readonly { field: string; problem: string }[]): FieldProblem[] {
  return errors.map(({ field, problem }) => ({ field, message: 'said', said: problem }));
}

/** What is wrong with a field or with anything inside it. */
export function problemsOf(problems: readonly FieldProblem[], field: string): FieldProblem[] {
  return problems.filter((problem) => problem.field === field || problem.field.startsWith(`${field}.`));
}

/** A text that must be there, of at most `longest` characters. */
export function textProblems(field: string, text: string, longest: number): FieldProblem[] {
  if (text.trim() === '') return [{ field, message: 'required' }];
  return text.length > longest ? [{ field, message: 'tooLong', values: { most: longest } }] : [];
}

/** A text that must have a form; an empty one is only wrong where it is `required`. */
export function patternProblems(field: string, text: string, pattern: RegExp, required = true): FieldProblem[] {
  if (text === '') return required ? [{ field, message: 'required' }] : [];
  return pattern.test(text) ? [] : [{ field, message: 'pattern' }];
}
