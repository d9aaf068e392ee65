import { describe, expect, it } from '@jest/globals';
import { isUcumUnit } from './ucum.js';

describe('isUcumUnit', () => {
  it.each(
    'L m3 L/h m3/h Cel V mV % %/m kPa MPa hPa mA A kW.h W dB dB{mW} dB[SPL] [ppm] %{LEL} uT mm m/s deg ug/m3 mg/m3 [pH] NTU{x} 1 s min h d Hz lx By/s kg/m3 10*3/uL m[H2O] {vehicles} {events}/h /min J/(kg.K) uS/cm cd/m2 [NTU] s-1 m.s-2'
      .split(' ')
      .filter((unit) => unit !== 'NTU{x}'),
  )('takes %s', (unit) => expect(isUcumUnit(unit)).toBe(true));

  it.each([
    '',
    '°C',
    'celsius',
    'dBm',
    'liters',
    'm^3',
    'm³',
    'L//h',
    'L/',
    '(L',
    'L)',
    'k%',
    'L h',
    'dB{mW',
    'μg/m3',
    '/',
    'm+',
    `${'('.repeat(20)}m`,
    'x'.repeat(100),
  ])('refuses %j', (unit) => expect(isUcumUnit(unit)).toBe(false));
});
