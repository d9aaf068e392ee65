import { describe, expect, it } from '@jest/globals';
import { unitText, valueText } from './value-text.js';

describe('unitText', () => {
  it.each([
    ['Cel', '°C'],
    ['L', 'L'],
    ['m3', 'm³'],
    [null, ''],
    [undefined, ''],
    ['constructor', 'constructor'],
  ])('%s', (unit, text) => {
    expect(unitText(unit)).toBe(text);
  });
});

describe('valueText', () => {
  it.each([
    [15230.5, '15,230.5'],
    [0.1 + 0.2, '0.3'],
    [0, '0'],
    [true, 'yes'],
    [false, 'no'],
    ['occupied', 'occupied'],
    [{ a: 1 }, '{"a":1}'],
    [null, '—'],
  ])('%j', (value, text) => {
    expect(valueText(value, 'en', { yes: 'yes', no: 'no' })).toBe(text);
  });
});
