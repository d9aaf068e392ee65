import { Inject, Injectable } from '@nestjs/common';
import { METRICS, type Metrics } from '#libs/runtime';
import { DeviceDirectory } from '../device-directory.js';
import { type KnownDevice, mayConnect } from '../known-device.js';
import { ProductCatalogue } from '../product-catalogue.js';
import type { PresenceCause, PresenceSubject } from './presence.js';

const unknownSubject: PresenceSubject = { expectedIntervalSeconds: 3_600, mayConnect: true };

/** The devices as presence sees them, and the metrics about them. */
@Injectable()
export class PresenceFleet {
  private readonly online;
  private readonly transitions;
  private readonly domains: string[] = ['unknown'];

  constructor(
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.online = metrics.gauge('devices_online', 'Devices believed online, by domain of their product.', ['domain']);
    this.transitions = metrics.counter('presence_transitions_total', 'Devices that went on- or offline.', [
      'to',
      'cause',
    ]);
  }

  /** What presence must know of a device; a device the directory has not seen yet counts as an hourly one. */
  readonly subject = (deviceKey: string): PresenceSubject => {
    const device = this.directory.byKey(deviceKey);
    if (!device) return unknownSubject;
    return {
      expectedIntervalSeconds: Math.max(1, Math.ceil(device.expectedIntervalMs / 1000)),
      mayConnect: mayConnect(device.status),
    };
  };

  onChange(listener: (device: KnownDevice) => void): void {
    this.directory.onChange(listener);
  }

  /** Counts a device as online; answers under which domain, for `countOffline`. */
  countOnline(deviceKey: string): number {
    const device = this.directory.byKey(deviceKey);
    const domain = (device && this.catalogue.current(device.productKey)?.domain) ?? 'unknown';
    let index = this.domains.indexOf(domain);
    if (index < 0) index = this.domains.push(domain) - 1;
    this.online.inc({ domain });
    return index;
  }

  countOffline(domain: number): void {
    this.online.dec({ domain: this.domains[domain] ?? 'unknown' });
  }

  countTransition(online: boolean, cause: PresenceCause): void {
    this.transitions.inc({ to: online ? 'online' : 'offline', cause });
  }
}
