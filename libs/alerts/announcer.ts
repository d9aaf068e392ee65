import { Inject } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { v7 } from 'uuid';
import type { Transition } from '#libs/contracts';
import type { LocalName } from '#libs/devices';
import type { Transaction } from '#libs/registry-db';
import { CLOCK, type Clock, TRACING, type Tracing, traceparentOf } from '#libs/runtime';
import type { Alert, NotifiedKind, TimelineEntry } from './alert.js';
import { alertSpan } from './alert-span.js';
import { type AlertsConfig, alertsConfig } from './alerts.config.js';
import { AlertsRepository } from './alerts.repository.js';
import { type DeviceFacts, eventType, notificationBody } from './notification-body.js';
import type { OutboxRow } from './outbox.repository.js';

/** Something to tell, not yet frozen. */
export interface Announcement {
  kind: NotifiedKind;
  alert: Alert;
  entry: TimelineEntry;
  /** Undefined where a person did it. */
  cause?: Transition;
}

/** Names change seldom, and an alarm does not wait to ask for them again. */
const rememberedMs = 10_000;
const rememberedNames = 10_000;

/** Freezes what is to be told, with the names that people know things by. */
export class Announcer {
  private readonly titles = new LRUCache<string, { at: number; value: LocalName }>({ max: rememberedNames });
  private readonly devices = new LRUCache<string, { at: number; value: DeviceFacts }>({ max: rememberedNames });

  constructor(
    @Inject(AlertsRepository) private readonly alerts: AlertsRepository,
    @Inject(alertsConfig.KEY) private readonly config: AlertsConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(TRACING) private readonly tracing: Tracing,
  ) {}

  /** What to call alerts of each rule; a rule that the registry does not know is missing. */
  titlesOf(transaction: Transaction, ruleKeys: readonly string[]): Promise<Map<string, LocalName>> {
    return this.known(this.titles, ruleKeys, (missing) => this.alerts.titles(transaction, missing));
  }

  /** The rows of the outbox, in order; their sequences count from 1. */
  async freeze(transaction: Transaction, announcements: readonly Announcement[]): Promise<OutboxRow[]> {
    const keys = announcements.map(({ alert }) => alert.deviceKey);
    const devices = await this.known(this.devices, keys, (missing) => this.alerts.devices(transaction, missing));
    return announcements.map((announcement, index) => this.row(announcement, index + 1, devices));
  }

  private row(
    { kind, alert, entry, cause }: Announcement,
    sequence: number,
    devices: ReadonlyMap<string, DeviceFacts>,
  ): OutboxRow {
    const id = v7();
    const { eventSource: source, publicUrl } = this.config;
    const device = devices.get(alert.deviceKey);
    const span = alertSpan(this.tracing, kind, alert, cause);
    const traceparent = span && traceparentOf(span);
    return {
      sequence,
      id,
      tenantKey: alert.tenantKey,
      alertKey: alert.key,
      lane: alert.lane,
      type: eventType(kind),
      at: new Date(entry.at),
      body: notificationBody({ id, source, publicUrl, kind, alert, entry, device, traceparent }),
    };
  }

  private async known<T>(
    cache: LRUCache<string, { at: number; value: T }>,
    keys: readonly string[],
    read: (missing: string[]) => Promise<Map<string, T>>,
  ): Promise<Map<string, T>> {
    const now = this.clock.now();
    const found = new Map<string, T>();
    const missing = new Set<string>();
    for (const key of keys) {
      const cached = cache.get(key);
      if (cached && now >= cached.at && now - cached.at < rememberedMs) found.set(key, cached.value);
      else missing.add(key);
    }
    if (missing.size === 0) return found;
    for (const [key, value] of await read([...missing])) {
      found.set(key, value);
      cache.set(key, { at: now, value });
    }
    return found;
  }
}
