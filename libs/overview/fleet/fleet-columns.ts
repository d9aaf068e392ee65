import { severities } from '#libs/contracts';

const firstCapacity = 1_024;
/** A position is kept to a tenth of a metre. */
const perDegree = 1e6;
const nowhere = 0x7fff_ffff;

type Position = { longitude: number; latitude: number } | undefined;

/** What is known of each device, a column of numbers for each fact, a slot for each device. Slots are never given back. */
export class FleetColumns {
  group = new Uint32Array(firstCapacity);
  /** Index of `deviceStates`. */
  state = new Uint8Array(firstCapacity);
  /** Index of `severities` of its worst open alert; their number where it has none. */
  severity = new Uint8Array(firstCapacity);
  private longitude = new Int32Array(firstCapacity);
  private latitude = new Int32Array(firstCapacity);
  private readonly ids: string[] = [];

  get size(): number {
    return this.ids.length;
  }

  idOf(slot: number): string {
    return this.ids[slot] as string;
  }

  /** Degrees, WGS-84. */
  positionOf(slot: number): Position {
    const longitude = this.longitude[slot] as number;
    if (longitude === nowhere) return undefined;
    return { longitude: longitude / perDegree, latitude: (this.latitude[slot] as number) / perDegree };
  }

  /** A slot for a device without alerts. */
  add(id: string, group: number, state: number, position: Position): number {
    const slot = this.ids.length;
    if (slot === this.group.length) this.grow();
    this.severity[slot] = severities.length;
    this.set(slot, id, group, state, position);
    return slot;
  }

  set(slot: number, id: string, group: number, state: number, position: Position): void {
    this.ids[slot] = id;
    this.group[slot] = group;
    this.state[slot] = state;
    this.longitude[slot] = kept(position?.longitude);
    this.latitude[slot] = kept(position?.latitude);
  }

  /** Whether the slot says just this. */
  holds(slot: number, id: string, group: number, state: number, position: Position): boolean {
    return (
      this.ids[slot] === id &&
      this.group[slot] === group &&
      this.state[slot] === state &&
      this.longitude[slot] === kept(position?.longitude) &&
      this.latitude[slot] === kept(position?.latitude)
    );
  }

  private grow(): void {
    const capacity = this.group.length * 2;
    this.group = grown(this.group, new Uint32Array(capacity));
    this.state = grown(this.state, new Uint8Array(capacity));
    this.severity = grown(this.severity, new Uint8Array(capacity));
    this.longitude = grown(this.longitude, new Int32Array(capacity));
    this.latitude = grown(this.latitude, new Int32Array(capacity));
  }
}

function kept(degrees: number | undefined): number {
  return degrees === undefined ? nowhere : Math.round(degrees * perDegree);
}

function grown<T extends Uint8Array | Uint32Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
