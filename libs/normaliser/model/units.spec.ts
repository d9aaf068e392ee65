import { describe, expect, it } from '@jest/globals';
import { convert, unitCode } from './units.js';

describe('convert', () => {
  it.each([
    [1.1, 'm3', 'L', 1100],
    [1234.56, 'm3', 'L', 1_234_560],
    [5, 'dm3', 'L', 5],
    [1500, 'L', 'm3', 1.5],
    [25, 'Cel', '[degF]', 77],
    [50, '[degF]', 'Cel', 10],
    [273.15, 'K', 'Cel', 0],
    [3600, 'mV', 'V', 3.6],
    [0.25, 'MPa', 'kPa', 250],
    [101_325, 'Pa', 'kPa', 101.325],
    [2.5, 'bar', 'kPa', 250],
    [0.5, '1', '%', 50],
    [90, 'min', 'h', 1.5],
    [1, 'L/s', 'L/h', 3600],
    [1.5, 'm3/h', 'L/h', 1500],
    [1, 'd', 's', 86_400],
    [1.5, 'kW.h', 'W.h', 1500],
    [7, 'dB{mW}', 'dB{mW}', 7],
  ])('%d %s in %s is %d', (value, from, to, wanted) => {
    expect(convert(value, from, to)).toBe(wanted);
  });

  it.each([
    ['L', 'V'],
    ['barrel', 'L'],
    ['L', 'barrel'],
    ['dB', 'dB{mW}'],
    ['constructor', 'L'],
  ])('has no way from %s to %s', (from, to) => {
    expect(convert(1, from, to)).toBeUndefined();
  });
});

describe('unitCode', () => {
  it.each([
    ['m³', 'm3'],
    [' ℃ ', 'Cel'],
    ['°C', 'Cel'],
    ['kWh', 'kW.h'],
    ['l', 'L'],
    ['MPa', 'MPa'],
    ['mpa', undefined],
    ['', undefined],
    ['toString', undefined],
  ])('%s is %s', (text, code) => {
    expect(unitCode(text)).toBe(code);
  });
});
