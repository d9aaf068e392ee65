import type { Random } from '../random.js';
import type { DeviceModel, Incident, Saying } from './device-model.js';

const heartbeatEveryMs = 30 * 60_000;

/** A smoke detector: a heartbeat every half hour, and an alarm at once. */
export class FireDetector implements DeviceModel {
  readonly kind = 'fire-detector';
  private smoke = false;
  private started = false;
  private readonly batteryLevel: number;

  constructor(
    private readonly random: Random,
    public nextAt: number,
  ) {
    this.batteryLevel = random.integer(60, 100);
  }

  speak(now: number): Saying[] {
    this.nextAt = now + (this.started ? heartbeatEveryMs : this.random.integer(60_000, heartbeatEveryMs));
    this.started = true;
    return [
      {
        topic: 'telemetry',
        values: {
          fire: this.smoke,
          alarmKind: 'smoke',
          alarmPhase: this.smoke ? 'alarm' : 'normal',
          test: false,
          fault: false,
          'air.temperature': Math.round(this.random.between(this.smoke ? 45 : 18, this.smoke ? 60 : 24) * 10) / 10,
          batteryLevel: this.batteryLevel,
        },
      },
    ];
  }

  resume(): void {}

  suffer(incident: Incident, now: number): boolean {
    if (incident !== 'smoke') return false;
    this.smoke = true;
    this.nextAt = now;
    return true;
  }
}
