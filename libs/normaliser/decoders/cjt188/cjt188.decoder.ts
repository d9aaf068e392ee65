import type { Zone } from '../../time/zone.js';
import {
  type DecodedReport,
  type DecodeResult,
  type Decoder,
  type Frame,
  type Refused,
  refused,
  type Warning,
} from '../decoder.js';
import { hex, type MeterFrame, readFrames } from './cjt188-frame.js';
import { type MeterStatus, meterDataBytes, readMeterData, readStatus } from './meter-data.js';

const answer = 0x80;
const error = 0x40;
const control = { read: 0x01, readAddress: 0x03, write: 0x04 } as const;
/** DI and SER. */
const identifierBytes = 3;
const media: Readonly<Record<number, string>> = { 16: 'cold', 17: 'hot', 18: 'drinking', 19: 'reclaimed' };

/**
 * CJ/T 188-2004 and -2018: water meters behind a DTU, or as bytes inside an MQTT or NB-IoT message. Both orders of the
 * data identifier are read. A request, an error answer or an answer without a reading is a good frame with no report.
 */
export class Cjt188Decoder implements Decoder {
  readonly name = 'cjt188@1';

  constructor(private readonly zone: Zone) {}

  decode(frames: readonly Frame[]): DecodeResult[] {
    return frames.map((frame) => this.decodeOne(frame.payload));
  }

  private decodeOne(payload: Uint8Array): DecodeResult {
    const frames = readFrames(payload);
    if (!Array.isArray(frames)) return refused(frames.reason, frames.detail);
    const reports: DecodedReport[] = [];
    const warnings: Warning[] = [];
    for (const frame of frames) {
      const read = this.readOne(frame);
      if ('reason' in read) return read;
      if ('values' in read) reports.push(read);
      else warnings.push(read);
    }
    return { kind: 'decoded', reports, warnings };
  }

  private readOne(frame: MeterFrame): DecodedReport | Warning | Refused {
    const { control: code } = frame;
    if ((code & answer) === 0) {
      return {
        kind: 'frame_request',
        detail: `C is ${hex(code)}: a request to the meter ${frame.address}, which reports nothing.`,
      };
    }
    if ((code & error) !== 0) {
      const status =
        frame.data.length > 1
          ? ` with status ${Buffer.from(frame.data.subarray(1)).toString('hex').toUpperCase()}`
          : '';
      return {
        kind: 'meter_error',
        detail: `C is ${hex(code)}: the meter ${frame.address} answered with an error${status}.`,
      };
    }
    if (frame.type >>> 4 !== 1) {
      return refused('meter_type_unsupported', `T is ${hex(frame.type)}; this decoder reads water meters, 10 to 19.`);
    }
    const identifier = identifierOf(frame.data);
    switch (code & ~answer) {
      case control.read:
        return identifier === '901F' ? this.readReading(frame) : unread(frame, identifier);
      case control.write:
        return identifier === 'A017' && frame.data.length >= identifierBytes + 2
          ? report(frame, undefined, statusValues(readStatus(frame.data[identifierBytes] as number)))
          : unread(frame, identifier);
      case control.readAddress:
        return {
          kind: 'frame_without_reading',
          detail: `The meter ${frame.address} told its address, and no reading.`,
        };
      default:
        return unread(frame, identifier);
    }
  }

  private readReading(frame: MeterFrame): DecodedReport | Refused {
    const bytes = frame.data.subarray(identifierBytes);
    if (bytes.length < meterDataBytes) {
      return refused(
        'frame_truncated',
        `The answer to 901F has ${bytes.length} bytes of data; it needs ${meterDataBytes}.`,
      );
    }
    const data = readMeterData(bytes, this.zone);
    if ('reason' in data) return refused(data.reason, data.detail);
    return report(frame, data.time, {
      'metering.water.total': data.totalLitres,
      settlementTotal: data.settlementLitres,
      ...statusValues(data.status),
    });
  }
}

/**
 * The data identifier as the standard's text writes it. 2004 sends 901F as `90 1F`, 2018 as `1F 90`; the same holds for
 * A017. The two orders of one identifier never name two different things, so both are accepted.
 */
function identifierOf(data: Uint8Array): string {
  const wire = hex(data[0]) + hex(data[1]);
  if (wire === '1F90') return '901F';
  if (wire === '17A0') return 'A017';
  return wire;
}

function report(frame: MeterFrame, time: number | undefined, values: Record<string, unknown>): DecodedReport {
  const medium = media[frame.type];
  return {
    time,
    // SER numbers the master's requests, not the meter's readings, so it is no sequence number of ours.
    seq: undefined,
    revision: 0,
    values: { ...values, meterNumber: frame.address, ...(medium && { mediumType: medium }) },
  };
}

function statusValues(status: MeterStatus): Record<string, unknown> {
  return { valve: status.valve, batteryLow: status.batteryLow };
}

function unread(frame: MeterFrame, identifier: string): Warning {
  return {
    kind: 'frame_without_reading',
    detail: `C is ${hex(frame.control)} and DI ${identifier}: an answer of the meter ${frame.address} in which this decoder reads nothing.`,
  };
}
