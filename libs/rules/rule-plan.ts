import { eventsOf, metricsOf, type Rule } from './rule.js';

/** What the plan must know of a device. */
export interface ScopeFacts {
  id: string;
  tenantKey: string;
  productId: string | undefined;
  domain: string | undefined;
  building: string | undefined;
  tags: Readonly<Record<string, unknown>>;
  settings: Readonly<Record<string, unknown>>;
}

/** The rules that judge a device, indexed once by what each looks at; shared by all devices with the same rules. */
export interface RulePlan {
  readonly rules: readonly Rule[];
  /** Places in `rules`, by metric and by event. */
  readonly byMetric: ReadonlyMap<string, readonly number[]>;
  readonly byEvent: ReadonlyMap<string, readonly number[]>;
  /** Places of the rules that wait for silence. */
  readonly absences: readonly number[];
  /** Places of the rules that time alone can move. */
  readonly timed: readonly number[];
}

/** Indexes rules. */
export function planOf(rules: readonly Rule[]): RulePlan {
  const byMetric = new Map<string, number[]>();
  const byEvent = new Map<string, number[]>();
  const absences: number[] = [];
  const timed: number[] = [];
  rules.forEach((rule, place) => {
    for (const metric of metricsOf(rule.definition)) placesAt(byMetric, metric).push(place);
    for (const event of eventsOf(rule.definition)) placesAt(byEvent, event).push(place);
    if (rule.definition.kind === 'absence') absences.push(place);
    if (isTimed(rule)) timed.push(place);
  });
  return { rules, byMetric, byEvent, absences, timed };
}

/** True where the rule judges the device. */
export function inScope(rule: Rule, device: ScopeFacts): boolean {
  const { productIds, domains, deviceIds, tags, settings } = rule.scope;
  if (productIds && !(device.productId !== undefined && productIds.includes(device.productId))) return false;
  if (domains && !(device.domain !== undefined && domains.includes(device.domain))) return false;
  if (deviceIds && !deviceIds.includes(device.id)) return false;
  if (tags && !matches(tags, device.tags)) return false;
  if (settings && !matches(settings, device.settings)) return false;
  return rule.definition.kind !== 'group' || device.building !== undefined;
}

function matches(wanted: Readonly<Record<string, unknown>>, found: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(wanted).every(([name, value]) => found[name] === value);
}

function isTimed({ definition }: Rule): boolean {
  switch (definition.kind) {
    case 'absence':
      return true;
    case 'threshold':
      return definition.forMs > 0 || definition.forSetting !== undefined || (definition.cooldownMs ?? 0) > 0;
    case 'change':
    case 'event':
      return definition.clearAfterMs !== undefined;
    default:
      return false;
  }
}

function placesAt(index: Map<string, number[]>, name: string): number[] {
  let places = index.get(name);
  if (!places) {
    places = [];
    index.set(name, places);
  }
  return places;
}
