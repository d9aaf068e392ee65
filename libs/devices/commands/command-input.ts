import type { CommandModel, PropertyModel } from '../thing-model.js';

/** One parameter that does not fit the model. */
export interface InputProblem {
  field: string;
  problem: string;
}

const longestText = 256;

/** What is wrong with the parameters of a command; empty where they may be sent. Every input of the model must be given. */
export function inputProblems(model: CommandModel, parameters: Readonly<Record<string, unknown>>): InputProblem[] {
  const known = new Map(model.input.map((input) => [input.identifier, input]));
  const problems: InputProblem[] = [];
  for (const name of Object.keys(parameters)) {
    if (known.has(name)) continue;
    const names = [...known.keys()].join(', ') || 'none';
    problems.push({ field: `parameters.${name.slice(0, 64)}`, problem: `the command takes ${names}.` });
  }
  for (const input of known.values()) {
    const given = Object.hasOwn(parameters, input.identifier) ? parameters[input.identifier] : undefined;
    const problem = given === undefined ? 'must be given.' : valueProblem(input, given);
    if (problem) problems.push({ field: `parameters.${input.identifier}`, problem });
  }
  return problems;
}

function valueProblem({ type, range, values }: PropertyModel, value: unknown): string | undefined {
  switch (type) {
    case 'number':
    case 'integer': {
      if (typeof value !== 'number' || !Number.isFinite(value)) return 'must be a number.';
      if (type === 'integer' && !Number.isInteger(value)) return 'must be a whole number.';
      const [least, most] = range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      return value < least || value > most ? `must be from ${least} to ${most}.` : undefined;
    }
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false.';
    case 'string':
      if (typeof value !== 'string') return 'must be text.';
      if (values && !values.includes(value)) return `must be one of ${values.join(', ')}.`;
      return value.length > longestText ? `must be at most ${longestText} characters.` : undefined;
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'must be an object.';
  }
}
