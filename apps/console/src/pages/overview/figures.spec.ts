import { describe, expect, it } from '@jest/globals';
import { changeOf, percentOf, sparkPath, sumOf } from './figures.js';

describe('sparkPath', () => {
  it.each([
    ['nothing known', [null, null], ''],
    ['a rise from 0', [0, 5, 10], 'M0.0 20.0L50.0 10.0L100.0 0.0'],
    ['the same all along', [4, 4, 4], 'M0.0 0.0L50.0 0.0L100.0 0.0'],
    ['zero all along', [0, 0, 0], 'M0.0 20.0L50.0 20.0L100.0 20.0'],
    ['a gap', [2, null, 2], 'M0.0 0.0L0.0 0.0M100.0 0.0L100.0 0.0'],
    ['the last alone', [null, null, 7], 'M100.0 0.0L100.0 0.0'],
    ['below zero', [-5, 0, 5], 'M0.0 20.0L50.0 10.0L100.0 0.0'],
  ])('draws %s', (_, figures, path) => {
    expect(sparkPath(figures, 100, 20)).toBe(path);
  });
});

describe('changeOf', () => {
  it.each([
    [[10, 10, 10, 10, 10, 11], 0.1],
    [[null, 10, 10, 10, 10, 10, 5, null], -0.5],
    [[10, 10, 20], undefined],
    [[0, 0, 0, 0, 0, 3], undefined],
    [[], undefined],
  ])('%j: %s', (figures, change) => {
    const found = changeOf(figures);
    if (change === undefined) expect(found).toBeUndefined();
    else expect(found).toBeCloseTo(change);
  });
});

it.each([
  [[1, null, 2], 3],
  [[null], 0],
])('sumOf %j', (figures, sum) => expect(sumOf(figures)).toBe(sum));

it.each([
  [1, 3, 33.3],
  [0, 0, 0],
  [5, 5, 100],
])('percentOf %d of %d', (part, whole, percent) => expect(percentOf(part, whole)).toBe(percent));
