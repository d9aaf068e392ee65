import { severities } from '#libs/contracts';
import type { ChangeLog } from '../fleet/change-log.js';
import { deviceStates, type FleetGroup, type FleetTable } from '../fleet/fleet-table.js';
import type { MapChange, MapChanges } from './map.dto.js';

/** Changes looked at for one event; the rest comes with the next. */
const changesPerEvent = 5_000;

/** What a stream of changes reads. */
export interface ChangeSight {
  log: ChangeLog;
  table: FleetTable;
  sees(group: FleetGroup): boolean;
  seesAlerts(group: FleetGroup): boolean;
  productIdOf(productKey: string): string;
}

/** What somebody who knew everything up to a number of changes is to be told next, and how far they know then. */
export type News =
  | { kind: 'nothing'; upTo: number }
  | { kind: 'changes'; upTo: number; changes: MapChanges }
  /** Too much has happened: only the whole map helps. */
  | { kind: 'reset'; upTo: number };

/** Devices as they are now, each once, however often it changed. */
export function newsAfter(position: number, sight: ChangeSight): News {
  const { log, table } = sight;
  const { revision } = log;
  if (!log.reaches(position)) return { kind: 'reset', upTo: revision };
  const seen = new Map<number, boolean>();
  const wanted = (slot: number) => {
    const group = table.columns.group[slot] as number;
    const known = seen.get(group) ?? sight.sees(table.groups[group] as FleetGroup);
    seen.set(group, known);
    return known;
  };
  for (let from = position; from < revision; ) {
    const upTo = Math.min(revision, from + changesPerEvent);
    const slots = log.after(from, upTo, wanted);
    if (slots.size > 0) return { kind: 'changes', upTo, changes: changesOf(slots, sight) };
    from = upTo;
  }
  return { kind: 'nothing', upTo: revision };
}

function changesOf(slots: Set<number>, { table, seesAlerts, productIdOf }: ChangeSight): MapChanges {
  const { columns, groups } = table;
  const devices: MapChange[] = [];
  const removed: string[] = [];
  for (const slot of slots) {
    const id = columns.idOf(slot);
    const position = columns.positionOf(slot);
    if (!position || !table.isOnMap(slot)) {
      removed.push(id);
      continue;
    }
    const group = groups[columns.group[slot] as number] as FleetGroup;
    devices.push({
      id,
      productId: productIdOf(group.productKey),
      areaCode: group.areaCode,
      ...position,
      state: deviceStates[columns.state[slot] as number] ?? 'offline',
      severity: (seesAlerts(group) ? severities[columns.severity[slot] as number] : undefined) ?? null,
    });
  }
  return { devices, removed };
}
