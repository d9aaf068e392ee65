import { describe, expect, it } from '@jest/globals';
import type { CommandModel, PropertyModel } from '../thing-model.js';
import { inputProblems } from './command-input.js';

const name = { zh: '参数', en: 'Input' };
const input = (identifier: string, more: Partial<PropertyModel>): PropertyModel => ({
  identifier,
  name,
  type: 'number',
  kind: 'state',
  ...more,
});
const model: CommandModel = {
  identifier: 'setAll',
  name,
  input: [
    input('level', { range: [0, 100] }),
    input('count', { type: 'integer' }),
    input('on', { type: 'boolean' }),
    input('position', { type: 'string', values: ['open', 'closed'] }),
    input('note', { type: 'string' }),
    input('plan', { type: 'object' }),
  ],
};
const good = { level: 0, count: 3, on: false, position: 'open', note: '', plan: {} };

describe('parameters of a command', () => {
  it.each<[string, object, string[]]>([
    ['all of them', good, []],
    ['the ends of the range', { ...good, level: 100 }, []],
    ['outside the range', { ...good, level: 100.5 }, ['parameters.level must be from 0 to 100.']],
    ['a number as text', { ...good, level: '5' }, ['parameters.level must be a number.']],
    ['no number', { ...good, level: Number.NaN }, ['parameters.level must be a number.']],
    ['half a count', { ...good, count: 1.5 }, ['parameters.count must be a whole number.']],
    ['a number for a boolean', { ...good, on: 1 }, ['parameters.on must be true or false.']],
    ['another choice', { ...good, position: 'ajar' }, ['parameters.position must be one of open, closed.']],
    ['long text', { ...good, note: 'x'.repeat(257) }, ['parameters.note must be at most 256 characters.']],
    ['a list for an object', { ...good, plan: [] }, ['parameters.plan must be an object.']],
    [
      'null',
      { ...good, plan: null, note: null },
      ['parameters.note must be text.', 'parameters.plan must be an object.'],
    ],
    [
      'one too many',
      { ...good, more: 1 },
      ['parameters.more the command takes level, count, on, position, note, plan.'],
    ],
    ['one too few', { ...good, on: undefined }, ['parameters.on must be given.']],
    [
      'what every object has',
      { ...good, constructor: 1 },
      ['parameters.constructor the command takes level, count, on, position, note, plan.'],
    ],
  ])('%s', (_what, parameters, problems) => {
    const found = inputProblems(model, parameters as Record<string, unknown>);
    expect(found.map(({ field, problem }) => `${field} ${problem}`)).toEqual(problems);
  });
});
