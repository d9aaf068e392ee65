import type { Random } from '../random.js';
import { type DeviceModel, hourOfDay, type Incident, type Saying } from './device-model.js';

const reportEveryMs = 15 * 60_000;

/** Share of a household's daily use in each hour: two peaks, and nights when nothing runs. */
const useByHour = [0, 0, 0, 0, 0, 2, 8, 10, 7, 4, 3, 4, 6, 4, 3, 3, 4, 6, 9, 11, 9, 6, 3, 1];
const shares = useByHour.reduce((sum, share) => sum + share, 0);
const leakLitresPerHour = 12;
const burstLitresPerHour = 9_000;

/** A household meter: cumulative litres every quarter of an hour, a battery that ages, a valve. */
export class WaterMeter implements DeviceModel {
  readonly kind = 'water-meter';
  private totalLitres: number;
  private battery: number;
  private lastAt: number;
  private started = false;
  private readonly litresPerDay: number;
  private lostLitresPerHour = 0;
  private silent = false;

  constructor(
    private readonly random: Random,
    public nextAt: number,
  ) {
    this.totalLitres = random.integer(10_000, 900_000);
    this.battery = random.between(3.3, 3.65);
    this.litresPerDay = random.between(120, 600);
    this.lastAt = nextAt;
  }

  speak(now: number): Saying[] {
    const hours = (now - this.lastAt) / 3_600_000;
    const used = this.household(now, hours) + this.lostLitresPerHour * hours;
    this.totalLitres += used;
    this.battery = Math.max(2.4, this.battery - 0.000_002 * hours);
    this.lastAt = now;
    this.nextAt = now + (this.started ? reportEveryMs : this.random.integer(60_000, reportEveryMs));
    this.started = true;
    if (this.silent) return [];
    return [
      {
        topic: 'telemetry',
        values: {
          'metering.water.total': Math.round(this.totalLitres * 100) / 100,
          flowRate: hours > 0 ? Math.round((used / hours) * 10) / 10 : 0,
          battery: Math.round(this.battery * 1000) / 1000,
          valve: 'open',
        },
      },
    ];
  }

  resume(known: Readonly<Record<string, unknown>>): void {
    const total = known['metering.water.total'];
    if (typeof total === 'number') this.totalLitres = total;
  }

  suffer(incident: Incident): boolean {
    if (incident === 'leak') this.lostLitresPerHour = leakLitresPerHour;
    else if (incident === 'burst') this.lostLitresPerHour = burstLitresPerHour;
    else if (incident === 'silence') this.silent = true;
    else return false;
    return true;
  }

  /** Litres drawn since the last report: taps run in bursts, so many quarters of an hour are dry. */
  private household(now: number, hours: number): number {
    const share = useByHour[Math.floor(hourOfDay(now))] ?? 0;
    if (share === 0 || !this.random.chance(0.6)) return 0;
    return ((this.litresPerDay * share) / shares) * hours * this.random.between(0.4, 2.9);
  }
}
