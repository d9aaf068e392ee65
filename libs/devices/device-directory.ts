import type { Lane } from '#libs/contracts';

/** Injection token of the device directory. */
export const DEVICE_DIRECTORY = Symbol('device-directory');

/** What the hot path must know of a device, held in memory and pushed there on change. */
export interface KnownDevice {
  key: string;
  /** Canonical id. */
  id: string;
  tenantKey: string;
  productKey: string;
  lane: Lane;
  /** `partitionOf(key, stream.partitions)`, computed once. */
  partition: number;
  /** registered | active may connect. */
  status: 'registered' | 'active' | 'disabled' | 'retired';
  parentKey: string | undefined;
  /** What group rules join by; undefined where the device stands alone. */
  building: string | undefined;
  expectedIntervalMs: number;
  settings: Readonly<Record<string, unknown>>;
}
