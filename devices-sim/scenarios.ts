import type { SimulatedDevice } from './fleet.js';
import type { Incident } from './models/device-model.js';

/** Something that happens in the simulated city. */
export interface Scenario {
  name: string;
  /** One line of help, in both languages. */
  meaning: string;
  incident: Incident;
  /** How many devices it befalls. */
  victims: number;
  /** True where the victims share a building. */
  together?: boolean;
}

/** Every scenario, by the name it is chosen with. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'leaking-household',
    meaning: 'a tap runs day and night 户内漏水',
    incident: 'leak',
    victims: 1,
  },
  { name: 'burst', meaning: 'a pipe bursts 爆管', incident: 'burst', victims: 1 },
  { name: 'silent-meter', meaning: 'a meter falls silent 水表失联', incident: 'silence', victims: 1 },
  { name: 'overstay', meaning: 'a car stays and stays 超时停车', incident: 'overstay', victims: 1 },
  { name: 'fire-lane', meaning: 'a car on a fire lane 占用消防通道', incident: 'fire-lane', victims: 1 },
  { name: 'smoke', meaning: 'one smoke alarm 烟感报警', incident: 'smoke', victims: 1 },
  {
    name: 'two-detectors',
    meaning: 'two detectors of one building 同楼两只烟感报警',
    incident: 'smoke',
    victims: 2,
    together: true,
  },
];

/** Lets a scenario happen; returns its victims. Throws where the fleet has nobody it could happen to. */
export function play(scenario: Scenario, fleet: readonly SimulatedDevice[], now: number): SimulatedDevice[] {
  const buildings = [...new Set(fleet.map((device) => device.building))];
  const groups = scenario.together
    ? buildings.map((building) => fleet.filter((device) => device.building === building))
    : [fleet];
  for (const group of groups) {
    const able = group.filter((device) => canSuffer(device, scenario.incident));
    if (able.length < scenario.victims) continue;
    const victims = able.slice(0, scenario.victims);
    for (const victim of victims) victim.model.suffer(scenario.incident, now);
    return victims;
  }
  throw new Error(`scenario ${scenario.name} needs ${scenario.victims} fitting device(s); use more --devices`);
}

function canSuffer(device: SimulatedDevice, incident: Incident): boolean {
  if (incident === 'smoke') return device.productId === 'fire-detector';
  if (incident === 'fire-lane') return device.settings.fireLane === true;
  if (incident === 'overstay') return device.productId === 'parking-sensor' && device.settings.fireLane !== true;
  return device.productId === 'water-meter';
}
