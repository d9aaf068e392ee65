import type { Random } from '../random.js';
import { type DeviceModel, hourOfDay, type Incident, type Saying } from './device-model.js';

const heartbeatEveryMs = 60 * 60_000;

/** Arrivals an hour at a free bay, by hour of the day. */
const arrivalsByHour = [
  0.05, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 1, 1.8, 1.6, 1.2, 1.2, 1.4, 1.2, 1, 1, 1.2, 1.6, 1.8, 1.4, 1, 0.6, 0.3, 0.1,
];

/** A bay sensor: says when the bay's state changes, with a counter that shows lost events, and a heartbeat. */
export class ParkingSensor implements DeviceModel {
  readonly kind = 'parking-sensor';
  nextAt: number;
  private occupied = false;
  private stuckOccupied = false;
  private changes = 0;
  private changeAt: number;
  private heartbeatAt: number;
  private readonly battery: number;

  constructor(
    private readonly random: Random,
    now: number,
    /** A fire lane: nobody parks here, until somebody does. */
    private readonly fireLane: boolean,
  ) {
    this.battery = random.between(3.4, 3.6);
    this.heartbeatAt = now + random.between(0, heartbeatEveryMs);
    this.changeAt = fireLane ? Number.POSITIVE_INFINITY : now + this.wait(now);
    this.nextAt = Math.min(this.heartbeatAt, this.changeAt);
  }

  speak(now: number): Saying[] {
    if (now >= this.changeAt) {
      this.occupied = !this.occupied;
      this.changes += 1;
      this.changeAt = this.stuckOccupied || this.fireLane ? Number.POSITIVE_INFINITY : now + this.wait(now);
    }
    this.heartbeatAt = now + heartbeatEveryMs;
    this.nextAt = Math.min(this.heartbeatAt, this.changeAt);
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

  suffer(incident: Incident, now: number): boolean {
    if (incident !== 'overstay' && !(incident === 'fire-lane' && this.fireLane)) return false;
    this.stuckOccupied = true;
    if (!this.occupied) this.changeAt = now;
    else this.changeAt = Number.POSITIVE_INFINITY;
    this.nextAt = now;
    return true;
  }

  private wait(now: number): number {
    if (this.occupied) return this.random.between(10, 150) * 60_000;
    return this.random.waitMs(arrivalsByHour[Math.floor(hourOfDay(now))] ?? 0.1);
  }
}
