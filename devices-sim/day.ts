import type { SimulatedDevice } from './fleet.js';
import type { Saying } from './models/device-model.js';

const tickMs = 50;

/** Where what devices say goes. */
export type Publish = (device: SimulatedDevice, topic: Saying['topic'], payload: string) => void;

/**
 * Lets the fleet live: its day passes `speed` times as fast as ours, and everything it says carries our time, so that
 * the platform judges it live.
 */
export class Day {
  private startedAt = 0;
  private readonly sequences = new Map<string, number>();
  /** When each device spoke last, in our time, epoch milliseconds; by device id. */
  readonly lastWords = new Map<string, number>();
  private readonly plans: { at: number; happen: () => void }[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly fleet: readonly SimulatedDevice[],
    private readonly publish: Publish,
    private readonly speed: number,
    /** Where the simulated day's clock begins, epoch milliseconds. */
    private readonly dawn: number,
  ) {}

  /** The simulated clock. */
  now(): number {
    return this.dawn + (Date.now() - this.startedAt) * this.speed;
  }

  /** Lets something happen at a time of the simulated clock. */
  at(time: number, happen: () => void): void {
    this.plans.push({ at: time, happen });
  }

  start(): void {
    this.startedAt = Date.now();
    this.timer = setInterval(() => this.pass(this.now()), tickMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Everything that is due at `now`, each at its own time: a stalled program says late what was observed in time. */
  private pass(now: number): void {
    for (const plan of this.plans.filter(({ at }) => at <= now)) {
      this.plans.splice(this.plans.indexOf(plan), 1);
      plan.happen();
    }
    for (const device of this.fleet) {
      while (device.model.nextAt <= now) this.speak(device, device.model.nextAt);
    }
  }

  private speak(device: SimulatedDevice, at: number): void {
    const time = Math.floor(this.startedAt + (at - this.dawn) / this.speed);
    for (const { topic, values } of device.model.speak(at)) {
      const seq = (this.sequences.get(device.id) ?? this.startedAt) + 1;
      this.sequences.set(device.id, seq);
      this.lastWords.set(device.id, time);
      this.publish(device, topic, JSON.stringify({ time: new Date(time).toISOString(), seq, values }));
    }
  }
}
