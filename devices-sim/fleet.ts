import type { DeviceModel } from './models/device-model.js';
import { FireDetector } from './models/fire-detector.js';
import { ParkingSensor } from './models/parking-sensor.js';
import { WaterMeter } from './models/water-meter.js';
import { Random } from './random.js';

/** A simulated device with what the platform must know of it. */
export interface SimulatedDevice {
  id: string;
  name: string;
  productId: DeviceModel['kind'];
  building: string;
  areaCode: string;
  latitude: number;
  longitude: number;
  tags: Record<string, string>;
  /** Bays: a fire lane; or after how many minutes of the simulated day a car has stayed too long. */
  fireLane?: boolean;
  overstayMinutes?: number;
  model: DeviceModel;
}

/** Districts of Zunyi with the middle of their towns: GB/T 2260 code, WGS-84. */
const areas = [
  { code: '520302', zh: '红花岗', latitude: 27.6448, longitude: 106.8937 },
  { code: '520303', zh: '汇川', latitude: 27.7504, longitude: 106.9341 },
  { code: '520304', zh: '播州', latitude: 27.5359, longitude: 106.8296 },
  { code: '520382', zh: '仁怀', latitude: 27.7925, longitude: 106.4011 },
] as const;

/** Every tenth bay is a fire lane. */
const fireLaneEvery = 10;
const devicesPerBuilding = 12;
const overstayMinutes = 240;

/** The tag that all devices of a fleet carry. */
export function fleetTag(seed: number): string {
  return `sim-${seed}`;
}

/**
 * A fleet of `size`: seven devices in twelve are meters, three bays, two detectors; the same for the same seed. Its
 * devices are switched on one after the other, from `dawn` on, within `switchOnMs` of the simulated day.
 */
export function createFleet(size: number, seed: number, dawn: number, switchOnMs = 0): SimulatedDevice[] {
  return Array.from({ length: size }, (_, index) => {
    const random = new Random(seed * 1_000_003 + index);
    return createDevice(index, seed, random, dawn + Math.floor((index / size) * switchOnMs));
  });
}

function createDevice(index: number, seed: number, random: Random, onAt: number): SimulatedDevice {
  const area = areas[Math.floor(index / devicesPerBuilding) % areas.length] ?? areas[0];
  const number = String(index + 1).padStart(5, '0');
  const building = `${area.zh}-${Math.floor(index / devicesPerBuilding) + 1}号楼`;
  const place = {
    building,
    areaCode: area.code,
    latitude: area.latitude + random.between(-0.02, 0.02),
    longitude: area.longitude + random.between(-0.02, 0.02),
    tags: { fleet: fleetTag(seed) },
  };
  const kind = index % devicesPerBuilding;
  // Two detectors per building of twelve, so that a building can have a confirmed fire.
  if (kind === 3 || kind === 9) {
    return {
      ...place,
      id: `sim${seed}-fire-${number}`,
      name: `${building} 烟感 ${number}`,
      productId: 'fire-detector',
      model: new FireDetector(random, onAt),
    };
  }
  if (kind % 4 === 2) {
    const fireLane = Math.floor(index / 4) % fireLaneEvery === 0;
    return {
      ...place,
      id: `sim${seed}-park-${number}`,
      name: `${building} ${fireLane ? '消防通道' : '车位'} ${number}`,
      productId: 'parking-sensor',
      ...(fireLane ? { fireLane } : { overstayMinutes }),
      model: new ParkingSensor(random, onAt, fireLane),
    };
  }
  return {
    ...place,
    id: `sim${seed}-water-${number}`,
    name: `${building} 水表 ${number}`,
    productId: 'water-meter',
    model: new WaterMeter(random, onAt),
  };
}
