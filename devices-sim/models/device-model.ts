/** What a simulated device says next. Times are milliseconds of the simulated day's clock. */
export interface Saying {
  /** What follows `devices/{id}/` in the topic. */
  topic: 'telemetry' | `events/${string}`;
  values: Record<string, number | boolean | string>;
}

/** A simulated device: asked at the times it names, it says something or keeps silent. */
export interface DeviceModel {
  readonly kind: 'water-meter' | 'parking-sensor' | 'fire-detector';
  /** When it wants to be asked next; at first when it is switched on, to say how things are. */
  nextAt: number;
  /** What it says at `now`. Names a later time to be asked again (`nextAt`). */
  speak(now: number): Saying[];
  /** Goes on from the last values that the platform knows of it: registers do not start again with the program. */
  resume(known: Readonly<Record<string, unknown>>): void;
  /** Makes something happen to it; false where this kind of device knows no such incident. */
  suffer(incident: Incident, now: number): boolean;
}

export const incidents = ['leak', 'burst', 'silence', 'overstay', 'fire-lane', 'smoke'] as const;
/** What may befall a device. */
export type Incident = (typeof incidents)[number];

/** The simulated hour of the day, 0 to 24, in the city's time (UTC+8). */
export function hourOfDay(now: number): number {
  return (((now / 3_600_000 + 8) % 24) + 24) % 24;
}
