import { severities } from '#libs/contracts';
import { deviceStates, type FleetGroup } from './fleet/fleet-table.js';
import type {
  AlertStanding,
  AreaStanding,
  DeviceCounts,
  DomainStanding,
  ProductStanding,
  SeverityCounts,
} from './overview.dto.js';
import type { ProductLabel } from './product-label.js';
import type { Viewer } from './viewers.js';

/** How devices and alerts stand, in all and by what people ask for. */
export interface Standings {
  devices: DeviceCounts;
  alerts: AlertStanding | null;
  domains: DomainStanding[];
  products: ProductStanding[];
  areas: AreaStanding[];
}

class Sum {
  private readonly devices = deviceStates.map(() => 0);
  private readonly open = severities.map(() => 0);
  private readonly unacknowledged = severities.map(() => 0);

  add(group: FleetGroup, withAlerts: boolean): void {
    addUp(this.devices, group.devices);
    if (!withAlerts) return;
    addUp(this.open, group.alerts);
    addUp(this.unacknowledged, group.unacknowledged);
  }

  get deviceCounts(): DeviceCounts {
    const of = (state: (typeof deviceStates)[number]) => this.devices[deviceStates.indexOf(state)] ?? 0;
    const [online, offline, neverSeen, disabled] = [of('online'), of('offline'), of('never_seen'), of('disabled')];
    return { total: online + offline + neverSeen + disabled, online, offline, neverSeen, disabled };
  }

  get openAlerts(): SeverityCounts {
    return severityCounts(this.open);
  }

  get alertStanding(): AlertStanding {
    return { open: this.openAlerts, unacknowledged: severityCounts(this.unacknowledged) };
  }

  /** False where nothing is left here: devices that were retired, alerts that are cleared. */
  get isSomething(): boolean {
    return this.deviceCounts.total > 0 || this.openAlerts.total > 0;
  }
}

/** Adds up the groups that the viewer sees. */
export function standingsOf(
  groups: readonly FleetGroup[],
  labelOf: (productKey: string) => ProductLabel,
  viewer: Pick<Viewer, 'sees' | 'seesAlerts' | 'readsAlerts'>,
): Standings {
  const all = new Sum();
  const byProduct = new Map<string, Sum>();
  const byArea = new Map<string, Sum>();
  const byDomain = new Map<string, Sum>();
  const labels = new Map<string, ProductLabel>();
  for (const group of groups) {
    if (!viewer.sees(group)) continue;
    const label = labelOf(group.productKey);
    labels.set(label.productId, label);
    const withAlerts = viewer.seesAlerts(group);
    const sums = [all, at(byProduct, label.productId), at(byArea, group.areaCode), at(byDomain, label.domain)];
    for (const sum of sums) sum.add(group, withAlerts);
  }
  const standing = (sum: Sum) => ({
    devices: sum.deviceCounts,
    alerts: viewer.readsAlerts ? sum.openAlerts : null,
  });
  return {
    devices: all.deviceCounts,
    alerts: viewer.readsAlerts ? all.alertStanding : null,
    domains: sorted(byDomain).map(([domain, sum]) => ({ domain, ...standing(sum) })),
    products: sorted(byProduct).map(([id, sum]) => ({ ...(labels.get(id) as ProductLabel), ...standing(sum) })),
    areas: sorted(byArea).map(([code, sum]) => ({ areaCode: code === '' ? null : code, ...standing(sum) })),
  };
}

function at(sums: Map<string, Sum>, name: string): Sum {
  const known = sums.get(name) ?? new Sum();
  sums.set(name, known);
  return known;
}

/** By name; the nameless last. */
function sorted(sums: Map<string, Sum>): [string, Sum][] {
  return [...sums]
    .filter(([, sum]) => sum.isSomething)
    .sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1));
}

function addUp(to: number[], more: readonly number[]): void {
  for (const [index, count] of more.entries()) to[index] = (to[index] ?? 0) + count;
}

function severityCounts(counts: readonly number[]): SeverityCounts {
  const [critical = 0, major = 0, minor = 0, warning = 0, info = 0] = counts;
  return { total: critical + major + minor + warning + info, critical, major, minor, warning, info };
}
