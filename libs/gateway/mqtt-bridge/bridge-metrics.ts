import { Inject, Injectable } from '@nestjs/common';
import { METRICS, type Metrics } from '#libs/runtime';

/** What the bridge counts beyond what every message of the gateway is counted by. */
@Injectable()
export class BridgeMetrics {
  private readonly connections;
  private readonly waiting;
  private readonly acknowledged;
  private readonly redelivered;
  private readonly sessions;

  constructor(@Inject(METRICS) metrics: Metrics) {
    this.connections = metrics.gauge('bridge_connections', 'Connections to the MQTT cluster that are subscribed.');
    this.waiting = metrics.gauge('bridge_waiting_messages', 'Messages of the cluster not durable yet.');
    this.acknowledged = metrics.counter('bridge_acknowledged_total', 'Messages acknowledged to the cluster.', ['qos']);
    this.redelivered = metrics.counter('bridge_redelivered_total', 'Messages that the cluster sent once more.');
    this.sessions = metrics.counter(
      'bridge_sessions_total',
      'Sessions at the cluster: resumed with what it kept for us, or new.',
      ['kind'],
    );
  }

  connected(change: 1 | -1): void {
    this.connections.inc(change);
  }

  session(resumed: boolean): void {
    this.sessions.inc({ kind: resumed ? 'resumed' : 'new' });
  }

  received(again: boolean): void {
    this.waiting.inc();
    if (again) this.redelivered.inc();
  }

  /** A message is no longer waited for; acknowledged where its connection was still there. */
  settled(qos: number, acknowledged: boolean): void {
    this.waiting.dec();
    if (acknowledged) this.acknowledged.inc({ qos: String(qos) });
  }
}
