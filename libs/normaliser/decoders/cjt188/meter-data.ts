import { exists } from '../../time/device-time.js';
import type { Zone } from '../../time/zone.js';
import { bcdDigits, type FrameProblem, hex } from './cjt188-frame.js';

/** What a meter says in answer to a read of 901F. */
export interface MeterData {
  totalLitres: number;
  settlementLitres: number;
  /** Epoch milliseconds; NaN where the meter's clock was never set. */
  time: number;
  status: MeterStatus;
}

/** The two bytes ST of an answer. */
export interface MeterStatus {
  valve: 'open' | 'closed' | 'unknown' | 'abnormal';
  batteryLow: boolean;
}

/** Hundredths of the register to litres, by unit code (CJ/T 188-2018 table of units). */
const litresPerHundredth: Readonly<Record<number, { multiply: number; divide: number }>> = {
  41: { multiply: 1, divide: 100 },
  42: { multiply: 1, divide: 10 },
  43: { multiply: 1, divide: 1 },
  44: { multiply: 10, divide: 1 },
  45: { multiply: 100, divide: 1 },
  46: { multiply: 1000, divide: 1 },
};

/** Length of the data of 901F after DI and SER: two volumes of 5 bytes, 7 of time, 2 of status. */
export const meterDataBytes = 19;

/** Reads the data of an answer to 901F, without DI and SER. The meter's clock shows local time of `zone`. */
export function readMeterData(bytes: Uint8Array, zone: Zone): MeterData | FrameProblem {
  const total = readLitres(bytes, 0, 'the total');
  if (typeof total !== 'number') return total;
  const settlement = readLitres(bytes, 5, 'the settlement total');
  if (typeof settlement !== 'number') return settlement;
  const time = readClock(bytes.subarray(10, 17), zone);
  if (typeof time !== 'number') return time;
  return { totalLitres: total, settlementLitres: settlement, time, status: readStatus(bytes[17] as number) };
}

/** ST's first byte: D1 D0 valve (00 open, 01 closed, 11 abnormal), D2 battery low. The second is the maker's. */
export function readStatus(first: number): MeterStatus {
  const valve = (['open', 'closed', 'unknown', 'abnormal'] as const)[first & 3] ?? 'unknown';
  return { valve, batteryLow: (first & 4) !== 0 };
}

function readLitres(bytes: Uint8Array, at: number, what: string): number | FrameProblem {
  const digits = bcdDigits(bytes.subarray(at, at + 4));
  if (digits === undefined) {
    return {
      reason: 'bcd_invalid',
      detail: `The bytes of ${what}, ${Buffer.from(bytes.subarray(at, at + 4))
        .toString('hex')
        .toUpperCase()}, are not BCD.`,
    };
  }
  const scale = litresPerHundredth[bytes[at + 4] as number];
  if (!scale) {
    return {
      reason: 'unit_unknown',
      detail: `The unit of ${what} is ${hex(bytes[at + 4])}; 29 to 2E are litres and cubic metres.`,
    };
  }
  return (Number(digits) * scale.multiply) / scale.divide;
}

/** `ss mm hh DD MM YY CC` in BCD. All 00 or all FF is a clock that was never set. */
function readClock(bytes: Uint8Array, zone: Zone): number | FrameProblem {
  if (bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 0xff)) return Number.NaN;
  const digits = bcdDigits(bytes);
  if (digits === undefined) {
    return {
      reason: 'bcd_invalid',
      detail: `The bytes of the time, ${Buffer.from(bytes).toString('hex').toUpperCase()}, are not BCD.`,
    };
  }
  const part = (at: number, length = 2) => Number(digits.slice(at, at + length));
  const [year, month, day, hour, minute, second] = [part(0, 4), part(4), part(6), part(8), part(10), part(12)] as const;
  if (!exists(year, month, day, hour, minute, second)) return Number.NaN;
  return zone.toEpoch(Date.UTC(year, month - 1, day, hour, minute, second));
}
