import { encodeNormalisedMessages, messageIdOf, type NormalisedMessage } from '#libs/contracts';

const hour = 3_600_000;
const dayMs = 24 * hour;
/** Messages of an entry: what the devices of a partition say in a day. */
const messagesPerBatch = 500;
const days = 365;

/** What the store is handed: an entry, and where it stands in the stream. */
export interface DayBatch {
  partition: number;
  position: number;
  messagesBefore: number;
  data: Uint8Array;
}

/**
 * A year of a city's water meters: every meter reports once a day what it read since, a counter that grows as people use
 * water; a few times a day through the year, and every hour in its last weeks, as many of these as the number of readings
 * leaves room for.
 */
export class CityYear {
  readonly days = days;
  readonly from: number;
  private readonly denseDays: number;
  private readonly sparse: number;

  constructor(
    readonly devices: number,
    readings: number,
    /** The year ends here. */
    to: number,
  ) {
    this.from = to - days * dayMs;
    const each = readings / devices;
    if (each < days) throw new Error(`${readings} readings are fewer than one a day of ${devices} devices.`);
    this.sparse = Math.max(1, Math.min(24, Math.floor((each - 14 * 24) / (days - 14))));
    const dense = this.sparse === 24 ? days : (each - days * this.sparse) / (24 - this.sparse);
    this.denseDays = Math.max(1, Math.min(days, Math.round(dense)));
  }

  deviceKey(index: number): string {
    return `0198f0e4-7c1a-7000-8000-${index.toString(16).padStart(12, '0')}`;
  }

  dayAt(day: number): number {
    return this.from + day * dayMs;
  }

  /** Readings of one device in whole days. */
  readingsBetween({ from, to }: { from: number; to: number }): number {
    let count = 0;
    for (let day = 0; day < days; day += 1) {
      if (this.dayAt(day) >= from && this.dayAt(day) < to) count += this.perDay(day);
    }
    return count;
  }

  /** What the store is handed of a day: an entry of each partition. */
  *batchesOf(day: number): Generator<DayBatch> {
    for (let first = 0; first < this.devices; first += messagesPerBatch) {
      const count = Math.min(messagesPerBatch, this.devices - first);
      const place = { partition: first / messagesPerBatch, position: day + 1 };
      const messages = Array.from({ length: count }, (_, index) => this.message(first + index, day, place, index));
      yield { ...place, messagesBefore: day * count, data: encodeNormalisedMessages(messages) };
    }
  }

  private perDay(day: number): number {
    return day >= days - this.denseDays ? 24 : this.sparse;
  }

  private message(
    device: number,
    day: number,
    { partition, position }: Pick<DayBatch, 'partition' | 'position'>,
    index: number,
  ): NormalisedMessage {
    const count = this.perDay(day);
    const step = dayMs / count;
    // Meters do not read on the same second.
    const shift = (device * 7_919_317) % (step / 2);
    const receivedAt = this.dayAt(day) + dayMs - 1;
    const reports = Array.from({ length: count }, (_, at) => {
      const observedAt = this.dayAt(day) + at * step + shift;
      return {
        observedAt,
        seq: day * 24 + at,
        revision: 0,
        readings: [{ metric: 'metering.water.total', value: litres(device, observedAt - this.from), quality: 0 }],
      };
    });
    return {
      messageId: messageIdOf('bulk', partition, position, index),
      deviceKey: this.deviceKey(device),
      tenantKey: 'city',
      productKey: 'water-meter',
      productVersion: 1,
      outcome: 'decoded',
      reason: '',
      decoder: 'json@1',
      receivedAt,
      frame: Buffer.from(`{"meter":${device},"day":${day},"readings":${count}}`),
      reports,
    };
  }
}

/** A household's counter: 200 to 600 litres a day, most of it by day. */
function litres(device: number, elapsedMs: number): number {
  const perDay = 200 + (device % 401);
  const ofDay = (elapsedMs % dayMs) / dayMs;
  return Math.round(perDay * (Math.floor(elapsedMs / dayMs) + ofDay - Math.sin(2 * Math.PI * ofDay) / 7));
}
