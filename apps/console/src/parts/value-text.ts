import { numberFormat } from '../app/formats.js';

/** UCUM units that people write otherwise; the rest are shown as they are. */
const units = new Map(
  Object.entries({
    Cel: '°C',
    m3: 'm³',
    'm3/h': 'm³/h',
    'L/h': 'L/h',
    '[ppm]': 'ppm',
    '%{LEL}': '%LEL',
    deg: '°',
    'dB[SPL]': 'dB',
    'ug/m3': 'µg/m³',
    'mg/m3': 'mg/m³',
    'kW.h': 'kWh',
    '1': '',
  }),
);

/** A UCUM unit as people write it; empty for none. */
export function unitText(unit: string | null | undefined): string {
  return unit ? (units.get(unit) ?? unit) : '';
}

/** A reading's value: numbers in the way of the language and without false digits, the rest in one line. */
export function valueText(value: unknown, language: string, words: { yes: string; no: string }): string {
  if (typeof value === 'number') return numberFormat(language, { maximumSignificantDigits: 9 }).format(value);
  if (typeof value === 'boolean') return value ? words.yes : words.no;
  if (value === null || value === undefined) return '—';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
