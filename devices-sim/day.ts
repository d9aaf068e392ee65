import type { Connections } from './connections.js';
import type { SimulatedDevice } from './fleet.js';

const tickMs = 50;

/**
 * Lets the fleet live: its day passes `speed` times as fast as ours, and everything it says carries our time, so that
 * the platform judges it live.
 */
export class Day {
  private readonly startedAt = Date.now();
  private readonly sequences = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly fleet: readonly SimulatedDevice[],
    private readonly connections: Connections,
    private readonly speed: number,
    /** Start of the simulated day's clock, epoch milliseconds. */
    private readonly dawn: number,
  ) {}

  /** The simulated clock. */
  now(): number {
    return this.dawn + (Date.now() - this.startedAt) * this.speed;
  }

  start(): void {
    this.timer = setInterval(() => this.tick(), tickMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const now = this.now();
    for (const device of this.fleet) {
      if (device.model.nextAt > now) continue;
      for (const saying of device.model.speak(now)) {
        const seq = (this.sequences.get(device.id) ?? this.startedAt) + 1;
        this.sequences.set(device.id, seq);
        const payload = { time: new Date().toISOString(), seq, values: saying.values };
        this.connections.publish(device, saying.topic, JSON.stringify(payload));
      }
    }
  }
}
