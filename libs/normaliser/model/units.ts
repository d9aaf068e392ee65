/** A unit as a multiple of its dimension's base: `base = value * factor + offset`. */
interface Unit {
  dimension: string;
  factor: number;
  offset: number;
}

/**
 * The UCUM units that city sensors state, case-sensitive, as [code, factor, offset]. A table of our own, because a full
 * UCUM library parses expressions we never meet, weighs megabytes and costs tens of microseconds a conversion; an unknown
 * unit is flagged, never guessed.
 */
const dimensions: Readonly<Record<string, readonly (readonly [code: string, factor: number, offset?: number])[]>> = {
  volume: [
    ['L', 1],
    ['mL', 0.001],
    ['m3', 1000],
    ['dm3', 1],
    ['cm3', 0.001],
    ['hL', 100],
    ['[gal_us]', 3.785411784],
    ['[cft_i]', 28.316846592],
  ],
  volumeFlow: [
    ['L/h', 1],
    ['L/min', 60],
    ['L/s', 3600],
    ['m3/h', 1000],
    ['m3/min', 60_000],
    ['m3/s', 3_600_000],
    ['m3/d', 1000 / 24],
    ['mL/h', 0.001],
  ],
  temperature: [
    ['Cel', 1],
    ['K', 1, -273.15],
    ['[degF]', 5 / 9, -160 / 9],
  ],
  voltage: [
    ['V', 1],
    ['mV', 0.001],
    ['kV', 1000],
  ],
  current: [
    ['A', 1],
    ['mA', 0.001],
    ['uA', 0.000001],
  ],
  power: [
    ['W', 1],
    ['kW', 1000],
    ['MW', 1_000_000],
    ['mW', 0.001],
  ],
  energy: [
    ['kW.h', 1],
    ['W.h', 0.001],
    ['MW.h', 1000],
    ['J', 1 / 3_600_000],
    ['kJ', 1 / 3600],
    ['MJ', 1 / 3.6],
    ['GJ', 1000 / 3.6],
  ],
  pressure: [
    ['kPa', 1],
    ['Pa', 0.001],
    ['hPa', 0.1],
    ['MPa', 1000],
    ['bar', 100],
    ['mbar', 0.1],
    ['m[H2O]', 9.80665],
    ['[psi]', 6.894757293168],
  ],
  length: [
    ['m', 1],
    ['mm', 0.001],
    ['cm', 0.01],
    ['dm', 0.1],
    ['km', 1000],
    ['[in_i]', 0.0254],
    ['[ft_i]', 0.3048],
  ],
  mass: [
    ['kg', 1],
    ['g', 0.001],
    ['mg', 0.000001],
    ['t', 1000],
  ],
  time: [
    ['s', 1],
    ['ms', 0.001],
    ['min', 60],
    ['h', 3600],
    ['d', 86_400],
  ],
  fraction: [
    ['%', 0.01],
    ['1', 1],
    ['[ppth]', 0.001],
    ['[ppm]', 0.000001],
    ['[ppb]', 0.000000001],
  ],
  massConcentration: [
    ['ug/m3', 1],
    ['mg/m3', 1000],
    ['mg/L', 1_000_000],
    ['g/m3', 1_000_000],
    ['ug/L', 1000],
  ],
  speed: [
    ['m/s', 1],
    ['km/h', 1 / 3.6],
    ['[kn_i]', 1852 / 3600],
  ],
  angle: [
    ['deg', 1],
    ['rad', 180 / Math.PI],
  ],
  frequency: [
    ['Hz', 1],
    ['kHz', 1000],
  ],
  illuminance: [['lx', 1]],
  magneticField: [
    ['uT', 1],
    ['mT', 1000],
    ['T', 1_000_000],
    ['G', 100],
    ['mG', 0.1],
  ],
  level: [['dB', 1]],
  signal: [['dB{mW}', 1]],
  obscuration: [['%/m', 1]],
  explosive: [['%{LEL}', 1]],
};

/** What vendors write where they mean a UCUM code. */
const spellings: Readonly<Record<string, string>> = {
  l: 'L',
  ml: 'mL',
  litre: 'L',
  litres: 'L',
  liter: 'L',
  liters: 'L',
  升: 'L',
  'm³': 'm3',
  'm^3': 'm3',
  'dm³': 'dm3',
  'cm³': 'cm3',
  立方米: 'm3',
  吨: 'm3',
  'm³/h': 'm3/h',
  'm^3/h': 'm3/h',
  'm³/s': 'm3/s',
  'l/h': 'L/h',
  'l/s': 'L/s',
  'l/min': 'L/min',
  '℃': 'Cel',
  '°C': 'Cel',
  degC: 'Cel',
  C: 'Cel',
  '°F': '[degF]',
  '℉': '[degF]',
  degF: '[degF]',
  F: '[degF]',
  kWh: 'kW.h',
  Wh: 'W.h',
  MWh: 'MW.h',
  percent: '%',
  '%RH': '%',
  '％': '%',
  ppm: '[ppm]',
  ppb: '[ppb]',
  sec: 's',
  minute: 'min',
  minutes: 'min',
  hour: 'h',
  hours: 'h',
  psi: '[psi]',
  'µg/m3': 'ug/m3',
  'μg/m3': 'ug/m3',
  'µg/m³': 'ug/m3',
  'μg/m³': 'ug/m3',
  'ug/m³': 'ug/m3',
  'mg/m³': 'mg/m3',
  µT: 'uT',
  μT: 'uT',
  '°': 'deg',
  dBm: 'dB{mW}',
};

const units = new Map<string, Unit>();
for (const [dimension, rows] of Object.entries(dimensions)) {
  for (const [code, factor, offset = 0] of rows) units.set(code, { dimension, factor, offset });
}

/** The UCUM code of what somebody wrote as a unit; undefined where we do not know it. */
export function unitCode(text: string): string | undefined {
  const trimmed = text.trim();
  const code = Object.hasOwn(spellings, trimmed) ? (spellings[trimmed] as string) : trimmed;
  return units.has(code) ? code : undefined;
}

/**
 * `value` in unit `from`, expressed in `to`: both UCUM codes. Undefined where one is unknown or they measure different
 * things. Rounded to 12 significant digits, so that 1.1 m3 is 1100 L and not 1100.0000000000002.
 */
export function convert(value: number, from: string, to: string): number | undefined {
  if (from === to) return value;
  const source = units.get(from);
  const target = units.get(to);
  if (!source || !target || source.dimension !== target.dimension) return undefined;
  const converted =
    source.offset === target.offset
      ? value * (source.factor / target.factor)
      : (value * source.factor + source.offset - target.offset) / target.factor;
  return Number(converted.toPrecision(12));
}
