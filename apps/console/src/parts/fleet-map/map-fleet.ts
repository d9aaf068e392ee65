import type { components } from '../../api/schema.js';
import { severities } from '../vocabulary.js';
import { type WorldPoint, worldOf } from './world.js';

/** How a device is doing, by index. */
export const deviceStates = ['online', 'offline', 'never_seen', 'disabled'] as const;
export type DeviceState = (typeof deviceStates)[number];
/** The worst open alert is an index of `severities`; one beyond them is none. */
const none = severities.length;
const gone = 255;

export type MapView = components['schemas']['MapView'];
export type MapChanges = components['schemas']['MapChanges'];
export type MapProduct = components['schemas']['MapProduct'];

/** Every device of the map in columns of numbers, so that a hundred thousand are looked through within a frame. */
export class MapFleet {
  readonly products: MapProduct[];
  readonly areas: string[];
  /** Where they are, Web Mercator, 0 to 1. */
  x: Float64Array;
  y: Float64Array;
  product: Uint16Array;
  area: Uint16Array;
  state: Uint8Array;
  severity: Uint8Array;
  private readonly ids: string[];
  private readonly indexes = new Map<string, number>();

  constructor({ products, areas, states, severities: words, devices }: MapView) {
    this.products = [...products];
    this.areas = [...areas];
    this.ids = [...devices.id];
    const size = this.ids.length;
    this.x = new Float64Array(size);
    this.y = new Float64Array(size);
    this.product = Uint16Array.from(devices.product);
    this.area = Uint16Array.from(devices.area);
    const stateOf = states.map((word) => indexOr(deviceStates, word, gone));
    const severityOf = words.map((word) => indexOr(severities, word, none));
    this.state = Uint8Array.from(devices.state, (state) => stateOf[state] ?? gone);
    this.severity = Uint8Array.from(devices.severity, (severity) => severityOf[severity] ?? none);
    for (let index = 0; index < size; index++) {
      this.indexes.set(this.ids[index] as string, index);
      const [longitude, latitude] = [devices.longitude[index], devices.latitude[index]];
      // One that lost its position while the answer was written.
      if (longitude == null || latitude == null) this.state[index] = gone;
      else this.place(index, worldOf({ longitude, latitude }));
    }
  }

  /** How many there are, those that are gone included. */
  get size(): number {
    return this.ids.length;
  }

  idOf(index: number): string {
    return this.ids[index] as string;
  }

  isThere(index: number): boolean {
    return this.state[index] !== gone;
  }

  hasAlert(index: number): boolean {
    return this.severity[index] !== none;
  }

  /** Takes in what the live stream tells. */
  apply({ devices, removed }: MapChanges): void {
    for (const device of devices) {
      const index = this.indexes.get(device.id) ?? this.add(device.id);
      this.place(index, worldOf(device));
      this.product[index] = this.productOf(device.productId);
      this.area[index] = this.areaOf(device.areaCode);
      this.state[index] = indexOr(deviceStates, device.state, gone);
      this.severity[index] = device.severity === null ? none : indexOr(severities, device.severity, none);
    }
    for (const id of removed) {
      const index = this.indexes.get(id);
      if (index !== undefined) this.state[index] = gone;
    }
  }

  private place(index: number, { x, y }: WorldPoint): void {
    this.x[index] = x;
    this.y[index] = y;
  }

  private add(id: string): number {
    const index = this.ids.length;
    if (index === this.x.length) this.grow(Math.max(1_024, index * 2));
    this.ids.push(id);
    this.indexes.set(id, index);
    return index;
  }

  private grow(capacity: number): void {
    this.x = grown(this.x, new Float64Array(capacity));
    this.y = grown(this.y, new Float64Array(capacity));
    this.product = grown(this.product, new Uint16Array(capacity));
    this.area = grown(this.area, new Uint16Array(capacity));
    this.state = grown(this.state, new Uint8Array(capacity));
    this.severity = grown(this.severity, new Uint8Array(capacity));
  }

  private productOf(id: string): number {
    const known = this.products.findIndex((product) => product.id === id);
    // A product that came up since the map was read is called by its id until it is read again.
    return known < 0 ? this.products.push({ id, name: { zh: id, en: id }, domain: 'other' }) - 1 : known;
  }

  private areaOf(code: string): number {
    const known = this.areas.indexOf(code);
    return known < 0 ? this.areas.push(code) - 1 : known;
  }
}

function indexOr(words: readonly string[], word: string, otherwise: number): number {
  const index = words.indexOf(word);
  return index < 0 ? otherwise : index;
}

function grown<T extends Float64Array | Uint16Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
