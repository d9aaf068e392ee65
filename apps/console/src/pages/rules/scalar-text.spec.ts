import { describe, expect, it } from '@jest/globals';
import { type Scalar, scalarOf, textOf } from './scalar-text.js';

describe('a value of a condition, as text', () => {
  it.each<[string, Scalar]>([
    ['140', 140],
    ['-0.5', -0.5],
    ['1e3', 1_000],
    ['true', true],
    ['false', false],
    ['occupied', 'occupied'],
    ['"140"', '140'],
    ['"true"', 'true'],
    [' 7 ', 7],
    ['12a', '12a'],
    ['', ''],
  ])('%j means %j', (text, value) => {
    expect(scalarOf(text)).toEqual(value);
    expect(scalarOf(textOf(value))).toEqual(value);
  });
});
