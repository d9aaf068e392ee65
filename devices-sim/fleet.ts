import type { DeviceModel } from './models/device-model.js';
import { FireDetector } from './models/fire-detector.js';
import { ParkingSensor } from './models/parking-sensor.js';
import { WaterMeter } from './models/water-meter.js';
import { Random } from './random.js';

/** A simulated device with what the platform must know of it. */
export interface SimulatedDevice {
  id: string;
  name: string;
  productId: 'water-meter' | 'parking-sensor' | 'fire-detector';
  building: string;
  areaCode: string;
  latitude: number;
  longitude: number;
  tags: Record<string, string>;
  settings: Record<string, unknown>;
  model: DeviceModel;
  /** How often it speaks at least, in milliseconds of its own day. */
  intervalMs: number;
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

/** A fleet of `size`: six meters in ten, three bays, one detector; the same for the same seed. */
export function createFleet(size: number, seed: number, now: number): SimulatedDevice[] {
  const random = new Random(seed);
  return Array.from({ length: size }, (_, index) => createDevice(index, seed, random, now));
}

function createDevice(index: number, seed: number, random: Random, now: number): SimulatedDevice {
  const area = areas[Math.floor(index / devicesPerBuilding) % areas.length] ?? areas[0];
  const number = String(index + 1).padStart(5, '0');
  const building = `${area.zh}-${Math.floor(index / devicesPerBuilding) + 1}号楼`;
  const place = {
    building,
    areaCode: area.code,
    latitude: area.latitude + random.between(-0.02, 0.02),
    longitude: area.longitude + random.between(-0.02, 0.02),
    tags: { fleet: `sim-${seed}` },
  };
  // Two detectors per building of twelve, so that a building can have a confirmed fire.
  const kind = index % devicesPerBuilding;
  if (kind === 3 || kind === 9) {
    return {
      ...place,
      id: `sim${seed}-fire-${number}`,
      name: `${building} 烟感 ${number}`,
      productId: 'fire-detector',
      settings: {},
      model: new FireDetector(random, now),
      intervalMs: 30 * 60_000,
    };
  }
  if (kind % 4 === 2) {
    const fireLane = Math.floor(index / 4) % fireLaneEvery === 0;
    return {
      ...place,
      id: `sim${seed}-park-${number}`,
      name: `${building} ${fireLane ? '消防通道' : '车位'} ${number}`,
      productId: 'parking-sensor',
      settings: fireLane ? { fireLane: true } : {},
      model: new ParkingSensor(random, now, fireLane),
      intervalMs: 60 * 60_000,
    };
  }
  return {
    ...place,
    id: `sim${seed}-water-${number}`,
    name: `${building} 水表 ${number}`,
    productId: 'water-meter',
    settings: {},
    model: new WaterMeter(random, now),
    intervalMs: 15 * 60_000,
  };
}
