import type { PlatformApi } from './platform-api.js';

/** An alert as the platform lists it. */
export interface AlertView {
  id: string;
  severity: string;
  titles: { zh: string; en: string };
  device: { id: string };
  rule: { id: string };
}

const pollMs = 500;
const newest = 200;

/** Watches, over the public API, which alerts the fleet's devices raise. */
export class AlertWatch {
  private readonly seen = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** How many alerts were raised while we watched. */
  raised = 0;

  constructor(
    private readonly api: PlatformApi,
    private readonly deviceIds: ReadonlySet<string>,
    private readonly onRaised: (alert: AlertView) => void,
  ) {}

  /** Remembers what was raised before, then watches. */
  async start(): Promise<void> {
    for (const { id } of await this.latest()) this.seen.add(id);
    this.next();
  }

  /** Looks a last time and ends. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.look();
  }

  private next(): void {
    if (this.stopped) return;
    const again = () => this.next();
    this.timer = setTimeout(() => {
      this.look().then(again, again);
    }, pollMs);
  }

  private async look(): Promise<void> {
    // A platform that restarts is asked again at the next turn.
    const alerts = await this.latest().catch(() => []);
    for (const alert of alerts.reverse()) {
      if (this.seen.has(alert.id)) continue;
      this.seen.add(alert.id);
      if (!this.deviceIds.has(alert.device.id)) continue;
      this.raised += 1;
      this.onRaised(alert);
    }
  }

  private async latest(): Promise<AlertView[]> {
    const { items } = await this.api.call<{ items: AlertView[] }>('GET', `/api/v1/alerts?limit=${newest}`);
    return items;
  }
}
