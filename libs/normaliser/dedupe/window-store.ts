import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Lane } from '#libs/contracts';
import { type Source, STREAM, type StateChange, type StreamLog } from '#libs/stream';
import { type NormaliserConfig, normaliserConfig } from '../normaliser.config.js';
import { DeviceWindow, type WindowLimits } from './device-window.js';

interface Held {
  lane: Lane;
  partition: number;
  window: DeviceWindow;
}

const prefix = 'dedupe/';

/**
 * The dedupe windows of the devices seen lately; those of others are read again from the stream's state. They are changed in place while a batch is worked through; what changed
 * is committed with the batch, and `reset` forgets a partition whose commit failed.
 */
@Injectable()
export class WindowStore {
  private readonly held: LRUCache<string, Held>;
  private readonly limits: WindowLimits;

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(normaliserConfig.KEY) config: NormaliserConfig,
  ) {
    this.limits = { identities: config.dedupeIdentities, resendMs: config.resendMs };
    this.held = new LRUCache({ max: config.dedupeDevices });
  }

  /** The windows of `deviceKeys`, which all belong to `source`'s partition. */
  async open(source: Source, deviceKeys: ReadonlySet<string>): Promise<Map<string, DeviceWindow>> {
    const windows = new Map<string, DeviceWindow>();
    const missing: string[] = [];
    for (const key of deviceKeys) {
      const held = this.held.get(key);
      if (held) windows.set(key, held.window);
      else missing.push(key);
    }
    if (missing.length === 0) return windows;
    const states = await this.stream.readState(
      source.group,
      source.partition,
      missing.map((key) => prefix + key),
    );
    missing.forEach((key, index) => {
      const state = states[index];
      const window = state ? DeviceWindow.decode(state, this.limits) : new DeviceWindow(this.limits);
      this.held.set(key, { lane: source.lane, partition: source.partition, window });
      windows.set(key, window);
    });
    return windows;
  }

  /** The state to commit: one value for each window that changed since it was last taken. */
  changes(windows: ReadonlyMap<string, DeviceWindow>): StateChange[] {
    const changes: StateChange[] = [];
    for (const [key, window] of windows) {
      if (!window.changed) continue;
      window.changed = false;
      changes.push({ key: prefix + key, value: window.encode() });
    }
    return changes;
  }

  /** Forgets a partition's windows: what they learnt was not committed. */
  reset(source: Source): void {
    for (const [key, held] of this.held.entries()) {
      if (held.lane === source.lane && held.partition === source.partition) this.held.delete(key);
    }
  }
}
