import type { SimulatedDevice } from './fleet.js';
import type { Incident } from './models/device-model.js';

/** Something that happens in the simulated city, and the alert that the platform promises for it. */
export interface Scenario {
  name: string;
  /** One line of help, in both languages. */
  meaning: string;
  incident: Incident;
  /** How many devices it befalls. */
  victims: number;
  /** True where the victims share a building. */
  together?: boolean;
  /** The built-in rule that must raise the alert. */
  rule: string;
  /** Hours of the simulated day until it happens, where the rule must learn first what is usual. */
  afterHours: number;
  /** Hours of the simulated day from then to the alert, and seconds of our time where that is longer. */
  alertHours: number;
  alertSeconds: number;
}

/** Every scenario, by the name it is chosen with. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'leaking-household',
    meaning: 'a tap runs day and night 户内漏水',
    incident: 'leak',
    victims: 1,
    rule: 'water-household-leak',
    afterHours: 0,
    alertHours: 24.5,
    alertSeconds: 50,
  },
  {
    name: 'burst',
    meaning: 'a pipe bursts 爆管',
    incident: 'burst',
    victims: 1,
    rule: 'water-burst',
    afterHours: 5,
    alertHours: 1.5,
    alertSeconds: 3,
  },
  {
    name: 'silent-meter',
    meaning: 'a meter falls silent 水表失联',
    incident: 'silence',
    victims: 1,
    rule: 'device-silent',
    afterHours: 0,
    alertHours: 0.75,
    alertSeconds: 60,
  },
  {
    name: 'overstay',
    meaning: 'a car stays and stays 超时停车',
    incident: 'overstay',
    victims: 1,
    rule: 'parking-overstay',
    afterHours: 0,
    alertHours: 4,
    alertSeconds: 1,
  },
  {
    name: 'fire-lane',
    meaning: 'a car on a fire lane 占用消防通道',
    incident: 'fire-lane',
    victims: 1,
    rule: 'parking-fire-lane',
    afterHours: 0,
    alertHours: 0,
    alertSeconds: 1,
  },
  {
    name: 'smoke',
    meaning: 'one smoke alarm 烟感报警',
    incident: 'smoke',
    victims: 1,
    rule: 'fire-alarm',
    afterHours: 0,
    alertHours: 0,
    alertSeconds: 1,
  },
  {
    name: 'two-detectors',
    meaning: 'two detectors of one building 同楼两只烟感报警',
    incident: 'smoke',
    victims: 2,
    together: true,
    rule: 'fire-two-detectors',
    afterHours: 0,
    alertHours: 0,
    alertSeconds: 1,
  },
];

/** A scenario with the devices that it will befall. */
export interface Casting {
  scenario: Scenario;
  victims: readonly SimulatedDevice[];
}

/** Chooses the victims of each scenario; nobody has two parts. Throws where the fleet is too small. */
export function cast(chosen: readonly Scenario[], fleet: readonly SimulatedDevice[]): Casting[] {
  const taken = new Set<SimulatedDevice>();
  // Who needs a whole building chooses first.
  const order = [...chosen].sort((a, b) => b.victims - a.victims);
  return order.map((scenario) => {
    const victims = findVictims(
      scenario,
      fleet.filter((device) => !taken.has(device)),
    );
    for (const victim of victims) taken.add(victim);
    return { scenario, victims };
  });
}

/** Seconds of our time from the incident to its alert, at best. */
export function alertAfterSeconds({ alertHours, alertSeconds }: Scenario, speed: number): number {
  return Math.max((alertHours * 3_600) / speed, alertSeconds);
}

function findVictims(scenario: Scenario, fleet: readonly SimulatedDevice[]): SimulatedDevice[] {
  const buildings = [...new Set(fleet.map((device) => device.building))];
  const groups = scenario.together
    ? buildings.map((building) => fleet.filter((device) => device.building === building))
    : [fleet];
  for (const group of groups) {
    const able = group.filter((device) => canSuffer(device, scenario.incident));
    if (able.length >= scenario.victims) return able.slice(0, scenario.victims);
  }
  throw new Error(`scenario ${scenario.name} needs ${scenario.victims} fitting device(s): use more --devices`);
}

function canSuffer(device: SimulatedDevice, incident: Incident): boolean {
  if (incident === 'smoke') return device.productId === 'fire-detector';
  if (incident === 'fire-lane') return device.fireLane === true;
  if (incident === 'overstay') return device.productId === 'parking-sensor' && device.fireLane !== true;
  return device.productId === 'water-meter';
}
