import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Inject, Injectable } from '@nestjs/common';
import { rawKinds } from '#libs/contracts';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import type { Pending } from './raw-writer.js';

const qualities = 3;
const nanosecondsPerSecond = 1e9;
const lagWindowMs = 5_000;
/** One in so many acknowledged messages goes into the latency histogram. */
const sampling = 16;

/** What the gateway counts. Counters of the hot path are added to once per commit, not per message. */
@Injectable()
export class GatewayMetrics {
  private readonly messages;
  private readonly acknowledged;
  private readonly refusals;
  private readonly discards;
  private readonly connections;
  private readonly inFlight;
  private readonly appendFailures;
  private readonly latency;
  private readonly lag;
  private readonly counts = new Uint32Array(rawKinds.length * qualities);
  private readonly delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 10 });
  private cancel: () => void = () => undefined;

  constructor(
    @Inject(METRICS) metrics: Metrics,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.messages = metrics.counter('gateway_messages_total', 'Messages made durable.', ['kind', 'qos']);
    this.acknowledged = metrics.counter('gateway_acknowledged_total', 'Messages durable and acknowledged.');
    this.refusals = metrics.counter('gateway_refused_total', 'Logins, packets and publishes refused.', ['reason']);
    this.discards = metrics.counter('discards_total', 'Everything discarded, by stage and reason.', [
      'stage',
      'reason',
    ]);
    this.connections = metrics.gauge('gateway_connections', 'Devices connected over MQTT.');
    this.inFlight = metrics.gauge('gateway_in_flight_messages', 'Messages waiting to become durable.');
    this.appendFailures = metrics.counter('gateway_append_failures_total', 'Appends that failed.', ['retryable']);
    this.latency = metrics.histogram(
      'gateway_acknowledge_seconds',
      'From a message read to its acknowledgement; one in 16 messages.',
      [],
      [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    );
    this.lag = metrics.gauge(
      'gateway_event_loop_lag_p99_seconds',
      "Event loop delay of the broker's thread, p99 of 5 s.",
    );
  }

  /** Counts one refusal; `reason` is a snake_case constant, never input. */
  refused(reason: string): void {
    this.refusals.inc({ reason });
  }

  /** Counts one message that was refused and kept as a dead letter only. */
  discarded(reason: string): void {
    this.discards.inc({ stage: 'gateway', reason });
  }

  connected(change: 1 | -1): void {
    this.connections.inc(change);
  }

  appendFailed(retryable: boolean): void {
    this.appendFailures.inc({ retryable: String(retryable) });
  }

  /** Counts what one commit made durable. */
  committed(batch: readonly Pending[]): void {
    const now = this.clock.now();
    this.counts.fill(0);
    let acknowledged = 0;
    for (const { messages, qos } of batch) {
      for (const [index, { kind, receivedAt }] of messages.entries()) {
        const slot = rawKinds.indexOf(kind) * qualities + qos;
        this.counts[slot] = (this.counts[slot] as number) + 1;
        if ((acknowledged + index) % sampling === 0) this.latency.observe(Math.max(0, now - receivedAt) / 1_000);
      }
      // Letters and mere turns are acknowledged too.
      acknowledged += messages.length || 1;
    }
    for (const [slot, count] of this.counts.entries()) {
      if (count === 0) continue;
      this.messages.inc({ kind: rawKinds[Math.floor(slot / qualities)], qos: String(slot % qualities) }, count);
    }
    this.acknowledged.inc(acknowledged);
  }

  /** Starts watching the event loop of this thread, and what `inFlight` says. */
  start(inFlight: () => number): void {
    this.delay.enable();
    const sample = () => {
      this.lag.set(this.delay.percentile(99) / nanosecondsPerSecond);
      this.delay.reset();
      this.inFlight.set(inFlight());
      this.cancel = this.clock.after(lagWindowMs, sample);
    };
    this.cancel = this.clock.after(lagWindowMs, sample);
  }

  stop(): void {
    this.cancel();
    this.delay.disable();
  }
}
