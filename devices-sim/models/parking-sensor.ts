import type { Random } from '../random.js';
import { type DeviceModel, hourOfDay, type Incident, type Saying } from './device-model.js';

const heartbeatEveryMs = 60 * 60_000;

/** Arrivals an hour at a free bay, by hour of the day. */
const arrivalsByHour = [
  0.05, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 1, 1.8, 1.6, 1.2, 1.2, 1.4, 1.2, 1, 1, 1.2, 1.6, 1.8, 1.4, 1, 0.6, 0.3, 0.1,
];
/** Nobody parks longer, but for those who overstay. */
const longestStayMinutes = 150;
const shortestGapMs = 60_000;

/** A bay sensor: says when the bay's state changes, with a counter that shows lost events, and a heartbeat. */
export class ParkingSensor implements DeviceModel {
  readonly kind = 'parking-sensor';
  private occupied = false;
  private stuckOccupied = false;
  private changes = 0;
  private changeAt: number;
  private started = false;
  private readonly battery: number;

  constructor(
    private readonly random: Random,
    public nextAt: number,
    /** A fire lane: nobody parks here, until somebody does. */
    private readonly fireLane: boolean,
  ) {
    this.battery = random.between(3.4, 3.6);
    this.changeAt = fireLane ? Number.POSITIVE_INFINITY : nextAt + this.waitMs(nextAt);
  }

  speak(now: number): Saying[] {
    if (now >= this.changeAt) {
      this.occupied = !this.occupied;
      this.changes += 1;
      this.changeAt = this.stuckOccupied || this.fireLane ? Number.POSITIVE_INFINITY : now + this.waitMs(now);
    }
    const heartbeatAt = now + (this.started ? heartbeatEveryMs : this.random.integer(60_000, heartbeatEveryMs));
    this.started = true;
    this.nextAt = Math.min(heartbeatAt, this.changeAt);
    return [
      {
        topic: 'telemetry',
        values: {
          status: this.occupied ? 'occupied' : 'free',
          eventCount: this.changes,
          battery: Math.round(this.battery * 1000) / 1000,
        },
      },
    ];
  }

  /** Whoever was parked has left meanwhile: one change. */
  resume({ eventCount, status }: Readonly<Record<string, unknown>>): void {
    if (typeof eventCount === 'number') this.changes = eventCount + (status === 'occupied' ? 1 : 0);
  }

  suffer(incident: Incident, now: number): boolean {
    if (incident !== 'overstay' && !(incident === 'fire-lane' && this.fireLane)) return false;
    this.stuckOccupied = true;
    this.changeAt = this.occupied ? Number.POSITIVE_INFINITY : now;
    this.nextAt = now;
    return true;
  }

  private waitMs(now: number): number {
    if (this.occupied) return this.random.between(10, longestStayMinutes) * 60_000;
    return untilArrival(now, this.random.untilNext());
  }
}

/** Milliseconds until as many arrivals as `expected` are due, over hours that differ. */
function untilArrival(now: number, expected: number): number {
  let at = now;
  for (let left = expected; ; ) {
    const hour = hourOfDay(at);
    const perHour = arrivalsByHour[Math.floor(hour)] ?? 0.1;
    const hoursLeft = Math.max(Math.floor(hour) + 1 - hour, 1 / 3_600_000);
    if (left <= perHour * hoursLeft) return Math.max(shortestGapMs, at - now + (left / perHour) * 3_600_000);
    left -= perHour * hoursLeft;
    at += hoursLeft * 3_600_000;
  }
}
