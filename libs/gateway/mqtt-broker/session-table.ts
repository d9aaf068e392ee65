import { Inject, Injectable } from '@nestjs/common';
import { DeviceDirectory, type KnownDevice } from '#libs/devices';
import { CLOCK, type Clock } from '#libs/runtime';
import { GatewayMetrics } from '../gateway-metrics.js';
import { RawIntake } from '../raw-intake.js';
import type { DeviceSession } from './device-session.js';
import { PublishGate } from './publish-gate.js';

const sweepMs = 2_000;

/** The live connections, one per device: files their begin and end, and ends those whose device may no longer connect. */
@Injectable()
export class SessionTable {
  private readonly sessions = new Map<string, DeviceSession>();
  /** Those that are to end without any further change: their secret is good for a while only. */
  private readonly ending = new Set<DeviceSession>();
  private readonly unreleasedById = new Map<string, Set<number>>();
  private stopListening: () => void = () => undefined;
  private cancelSweep: () => void = () => undefined;
  private stopping = false;

  constructor(
    @Inject(RawIntake) private readonly intake: RawIntake,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(PublishGate) private readonly publishGate: PublishGate,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(GatewayMetrics) private readonly metrics: GatewayMetrics,
  ) {}

  get size(): number {
    return this.sessions.size;
  }

  /** The live connection of a device. */
  of(deviceKey: string): DeviceSession | undefined {
    return this.sessions.get(deviceKey);
  }

  start(): void {
    this.stopListening = this.directory.onChange((device) => this.changed(device));
    const sweep = () => {
      this.sweep();
      this.cancelSweep = this.clock.after(sweepMs, sweep);
    };
    this.cancelSweep = this.clock.after(sweepMs, sweep);
  }

  /** From now on the end of a connection is ours, not the device's, and is not filed. */
  stop(): void {
    this.stopping = true;
    this.stopListening();
    this.cancelSweep();
  }

  /** Message ids of QoS 2 publishes not yet released; they outlive the connection of a persistent session. */
  unreleased(deviceKey: string, clean: boolean): Set<number> | undefined {
    if (clean) {
      this.unreleasedById.delete(deviceKey);
      return undefined;
    }
    let found = this.unreleasedById.get(deviceKey);
    if (!found) {
      found = new Set();
      this.unreleasedById.set(deviceKey, found);
    }
    return found;
  }

  /** Takes the device over from an older connection, if there is one. */
  open(session: DeviceSession): void {
    const { key } = session.device;
    const older = this.sessions.get(key);
    if (older) {
      this.closed(older);
      older.client.close();
    }
    session.open = true;
    this.sessions.set(key, session);
    this.metrics.connected(1);
    this.intake.connection(session.device, 'connected');
    // What changed while it logged in.
    this.judge(session);
  }

  closed(session: DeviceSession): void {
    if (!session.open) return;
    session.open = false;
    this.ending.delete(session);
    const { key } = session.device;
    if (this.sessions.get(key) === session) this.sessions.delete(key);
    this.metrics.connected(-1);
    if (!this.stopping) this.intake.connection(session.device, 'disconnected');
  }

  private changed(device: KnownDevice): void {
    this.publishGate.registryChanged();
    const session = this.sessions.get(device.key);
    if (session && device.id !== session.client.id) this.revoke(session);
    else if (session) this.judge(session);
  }

  /** A rotated secret is good for a while, so its end comes without a change. */
  private sweep(): void {
    for (const session of this.ending) this.judge(session);
  }

  /** Ends a session that could not log in again. */
  private judge(session: DeviceSession): void {
    const until = this.directory.acceptedUntil(session.device.key, session.secretHash);
    if (until <= this.clock.now()) this.revoke(session);
    else if (until < Number.POSITIVE_INFINITY) this.ending.add(session);
    else this.ending.delete(session);
  }

  private revoke(session: DeviceSession): void {
    this.metrics.refused('credentials_revoked');
    session.client.close();
  }
}
