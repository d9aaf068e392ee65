import { type Severity, severities } from '#libs/contracts';
import { ChangeLog } from './change-log.js';
import { FleetColumns } from './fleet-columns.js';

/** How a device is doing. Retired ones are on no map and in no count, but their alerts may still be open. */
export const deviceStates = ['online', 'offline', 'never_seen', 'disabled', 'retired'] as const;
export type DeviceState = (typeof deviceStates)[number];
const retired = deviceStates.indexOf('retired');

/** A device as the registry has it. */
export interface FleetRow {
  key: string;
  id: string;
  tenantKey: string;
  productKey: string;
  /** '' where its installation names none. */
  areaCode: string;
  state: DeviceState;
  /** Degrees, WGS-84. */
  position: { longitude: number; latitude: number } | undefined;
}

/** An alert as far as counts need it. */
export interface FleetAlert {
  key: string;
  deviceKey: string;
  severity: Severity;
  status: 'open' | 'acknowledged' | 'cleared';
}

/** Devices of one tenant, product and area, counted. */
export interface FleetGroup {
  readonly tenantKey: string;
  readonly productKey: string;
  readonly areaCode: string;
  /** By index of `deviceStates`. */
  readonly devices: number[];
  /** Alerts that are not cleared, by index of `severities`. */
  readonly alerts: number[];
  /** Of these, those that nobody has acknowledged. */
  readonly unacknowledged: number[];
}

interface OpenAlert {
  slot: number;
  severity: number;
  acknowledged: boolean;
}

/**
 * Every device of the platform with its place, its state and its worst open alert, in columns of numbers (about 100 bytes
 * each); and what they add up to, kept with every change, so that a question is answered from the groups alone.
 */
export class FleetTable {
  readonly groups: FleetGroup[] = [];
  readonly columns = new FleetColumns();
  private readonly slots = new Map<string, number>();
  private readonly groupIndexes = new Map<string, number>();
  private readonly openAlerts = new Map<string, OpenAlert>();
  private readonly alertsOfSlot = new Map<number, Set<string>>();
  /** Alerts of devices that are not known yet. */
  private readonly strays = new Map<string, FleetAlert>();

  constructor(
    private readonly log: ChangeLog,
    private readonly mostStrays = 10_000,
  ) {}

  /** How many devices there are, retired ones included. */
  get size(): number {
    return this.slots.size;
  }

  /** Takes in a device as it is now. */
  putDevice(row: FleetRow): void {
    const group = this.groupOf(row);
    const state = deviceStates.indexOf(row.state);
    const { columns } = this;
    const known = this.slots.get(row.key);
    if (known === undefined) {
      const slot = columns.add(row.id, group, state, row.position);
      this.slots.set(row.key, slot);
      this.count(slot, 1);
      this.log.add(slot);
      this.adopt(row.key);
      return;
    }
    if (columns.holds(known, row.id, group, state, row.position)) return;
    this.count(known, -1);
    columns.set(known, row.id, group, state, row.position);
    this.count(known, 1);
    this.log.add(known);
  }

  /** Takes in an alert as it is now. */
  putAlert(alert: FleetAlert): void {
    const known = this.openAlerts.get(alert.key);
    const slot = known?.slot ?? this.slots.get(alert.deviceKey);
    if (slot === undefined) {
      if (alert.status === 'cleared') this.strays.delete(alert.key);
      else if (this.strays.size < this.mostStrays) this.strays.set(alert.key, alert);
      return;
    }
    if (known) this.countAlert(known, -1);
    const mine = this.alertsOfSlot.get(slot) ?? new Set<string>();
    if (alert.status === 'cleared') {
      this.openAlerts.delete(alert.key);
      mine.delete(alert.key);
      if (mine.size === 0) this.alertsOfSlot.delete(slot);
    } else {
      const open = {
        slot,
        severity: severities.indexOf(alert.severity),
        acknowledged: alert.status === 'acknowledged',
      };
      this.openAlerts.set(alert.key, open);
      this.countAlert(open, 1);
      this.alertsOfSlot.set(slot, mine.add(alert.key));
    }
    const worst = Math.min(
      severities.length,
      ...[...mine].map((key) => this.openAlerts.get(key)?.severity ?? Infinity),
    );
    if (this.columns.severity[slot] === worst) return;
    this.columns.severity[slot] = worst;
    this.log.add(slot);
  }

  /** Whether the device in the slot is on the map. */
  isOnMap(slot: number): boolean {
    return this.columns.state[slot] !== retired && this.columns.positionOf(slot) !== undefined;
  }

  private adopt(deviceKey: string): void {
    for (const alert of this.strays.values()) {
      if (alert.deviceKey !== deviceKey) continue;
      this.strays.delete(alert.key);
      this.putAlert(alert);
    }
  }

  private groupOf({ tenantKey, productKey, areaCode }: FleetRow): number {
    const name = `${tenantKey}/${productKey}/${areaCode}`;
    const known = this.groupIndexes.get(name);
    if (known !== undefined) return known;
    const index = this.groups.length;
    const zeros = () => severities.map(() => 0);
    this.groups.push({
      tenantKey,
      productKey,
      areaCode,
      devices: deviceStates.map(() => 0),
      alerts: zeros(),
      unacknowledged: zeros(),
    });
    this.groupIndexes.set(name, index);
    return index;
  }

  /** Adds the device in the slot, with its alerts, to its group; or takes it out. */
  private count(slot: number, by: 1 | -1): void {
    const { devices } = this.groupAt(slot);
    const state = this.columns.state[slot] as number;
    devices[state] = (devices[state] ?? 0) + by;
    for (const key of this.alertsOfSlot.get(slot) ?? []) {
      const open = this.openAlerts.get(key);
      if (open) this.countAlert(open, by);
    }
  }

  private countAlert({ slot, severity, acknowledged }: OpenAlert, by: 1 | -1): void {
    const { alerts, unacknowledged } = this.groupAt(slot);
    alerts[severity] = (alerts[severity] ?? 0) + by;
    if (!acknowledged) unacknowledged[severity] = (unacknowledged[severity] ?? 0) + by;
  }

  private groupAt(slot: number): FleetGroup {
    return this.groups[this.columns.group[slot] as number] as FleetGroup;
  }
}
