import { describe, expect, it } from '@jest/globals';
import { commandsOf, drawable, emptyInput, type PropertyModel, parametersOf } from './thing-model.js';

const property = (
  identifier: string,
  type: PropertyModel['type'],
  more: Partial<PropertyModel> = {},
): PropertyModel => ({
  identifier,
  name: { zh: identifier, en: identifier },
  type,
  ...more,
});

describe('a thing model', () => {
  it('has properties that can be drawn, and commands', () => {
    const model = {
      properties: [
        property('a', 'number'),
        property('b', 'string'),
        property('c', 'boolean'),
        property('d', 'integer'),
      ],
      commands: [],
    };
    expect(drawable(model).map(({ identifier }) => identifier)).toEqual(['a', 'c', 'd']);
    expect([drawable(undefined), drawable({}), commandsOf(undefined), commandsOf(model)]).toEqual([[], [], [], []]);
  });
});

describe('emptyInput', () => {
  it.each<[PropertyModel, unknown]>([
    [property('a', 'number'), 0],
    [property('a', 'integer', { range: [1, 15] }), 1],
    [property('a', 'boolean'), false],
    [property('a', 'string'), ''],
    [property('a', 'string', { values: ['open', 'closed'] }), 'open'],
  ])('%j', (input, value) => {
    expect(emptyInput(input)).toBe(value);
  });
});

describe('parametersOf', () => {
  const inputs = [property('minutes', 'integer'), property('plan', 'object')];
  it('reads objects, and takes nothing that was not asked for', () => {
    expect(parametersOf(inputs, { minutes: 5, plan: '{"a":1}', other: 1 })).toEqual({ minutes: 5, plan: { a: 1 } });
    expect(parametersOf([], { other: 1 })).toEqual({});
  });
  it.each(['', '{', '[1]', 'null', '1'])('refuses %j for an object', (plan) => {
    expect(parametersOf(inputs, { minutes: 5, plan })).toBeUndefined();
  });
});
