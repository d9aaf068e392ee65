import type { Lane } from '#libs/contracts';

/** What the hot path must know of a device, held in memory and replaced whole on change. */
export interface KnownDevice {
  readonly key: string;
  /** Canonical id. */
  readonly id: string;
  readonly tenantKey: string;
  readonly productKey: string;
  readonly lane: Lane;
  /** `partitionOf(key, stream.partitions)`, computed once. */
  readonly partition: number;
  /** registered | active may connect. */
  readonly status: DeviceStatus;
  readonly parentKey: string | undefined;
  /**
   * What group rules join by; undefined where the device stands alone. Unique on the platform: `groupOf(tenantKey, building)`,
   * so that buildings of two tenants with one name never join.
   */
  readonly building: string | undefined;
  readonly expectedIntervalMs: number;
  readonly settings: Readonly<Record<string, unknown>>;
  /** {key: value}, what rules may choose devices by. */
  readonly tags?: Readonly<Record<string, unknown>>;
}

/** registered (never seen) -> active (has reported) <-> disabled (may not connect) -> retired (for good). */
export const deviceStatuses = ['registered', 'active', 'disabled', 'retired'] as const;
export type DeviceStatus = (typeof deviceStatuses)[number];

/** The platform-wide name of a tenant's building. */
export function groupOf(tenantKey: string, building: string): string {
  return `${tenantKey}/${building}`;
}

/** The building as its tenant calls it, from `groupOf`. */
export function buildingOf(group: string): string {
  return group.slice(group.indexOf('/') + 1);
}

/** True where a device of this status may connect and publish. */
export function mayConnect(status: DeviceStatus): boolean {
  return status === 'registered' || status === 'active';
}
