/** Coordinate reference systems that people give positions in. CGCS2000 is WGS-84 for our purposes. */
export const coordinateSystems = ['WGS-84', 'CGCS2000', 'GCJ-02', 'BD-09'] as const;
export type CoordinateSystem = (typeof coordinateSystems)[number];

/** Degrees. */
export interface Position {
  latitude: number;
  longitude: number;
}

/**
 * A position in WGS-84. GCJ-02 (Chinese map services) has no published definition: this is the well-known formula
 * recovered in "eviltransform" (github.com/googollee/eviltransform), inverted by iteration to about a millimetre; BD-09 is
 * Baidu's published step on top of it. Outside the rectangle where map services shift, a position stays as it is.
 */
export function toWgs84(position: Position, crs: CoordinateSystem): Position {
  switch (crs) {
    case 'WGS-84':
    case 'CGCS2000':
      return position;
    case 'GCJ-02':
      return gcj02ToWgs84(position);
    case 'BD-09':
      return gcj02ToWgs84(bd09ToGcj02(position));
  }
}

/** The shift that map services in mainland China apply to a WGS-84 position. */
export function wgs84ToGcj02(position: Position): Position {
  if (!isShifted(position)) return position;
  const { latitude, longitude } = position;
  const x = longitude - 105;
  const y = latitude - 35;
  const radians = (latitude / 180) * Math.PI;
  const magic = 1 - eccentricitySquared * Math.sin(radians) ** 2;
  const root = Math.sqrt(magic);
  const northMetres = latitudeShift(x, y);
  const eastMetres = longitudeShift(x, y);
  return {
    latitude:
      latitude + (northMetres * 180) / (((semiMajorMetres * (1 - eccentricitySquared)) / (magic * root)) * Math.PI),
    longitude: longitude + (eastMetres * 180) / ((semiMajorMetres / root) * Math.cos(radians) * Math.PI),
  };
}

/** Krasovsky 1940. */
const semiMajorMetres = 6_378_245;
const eccentricitySquared = 0.006_693_421_622_965_943;
const iterations = 30;
const accuracyDegrees = 1e-9;

function gcj02ToWgs84(position: Position): Position {
  if (!isShifted(position)) return position;
  let guess = position;
  for (let round = 0; round < iterations; round += 1) {
    const shifted = wgs84ToGcj02(guess);
    const latitude = position.latitude - shifted.latitude;
    const longitude = position.longitude - shifted.longitude;
    guess = { latitude: guess.latitude + latitude, longitude: guess.longitude + longitude };
    if (Math.abs(latitude) < accuracyDegrees && Math.abs(longitude) < accuracyDegrees) break;
  }
  return guess;
}

function bd09ToGcj02({ latitude, longitude }: Position): Position {
  const turn = (Math.PI * 3000) / 180;
  const x = longitude - 0.0065;
  const y = latitude - 0.006;
  const radius = Math.hypot(x, y) - 0.000_02 * Math.sin(y * turn);
  const angle = Math.atan2(y, x) - 0.000_003 * Math.cos(x * turn);
  return { latitude: radius * Math.sin(angle), longitude: radius * Math.cos(angle) };
}

function isShifted({ latitude, longitude }: Position): boolean {
  return longitude >= 72.004 && longitude <= 137.8347 && latitude >= 0.8293 && latitude <= 55.8271;
}

function latitudeShift(x: number, y: number): number {
  const base = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x));
  return base + ripple(x) + swell(y) + (2 / 3) * (160 * sin(y / 12) + 320 * sin(y / 30));
}

function longitudeShift(x: number, y: number): number {
  const base = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x));
  return base + ripple(x) + swell(x) + (2 / 3) * (150 * sin(x / 12) + 300 * sin(x / 30));
}

function ripple(value: number): number {
  return (2 / 3) * (20 * sin(6 * value) + 20 * sin(2 * value));
}

function swell(value: number): number {
  return (2 / 3) * (20 * sin(value) + 40 * sin(value / 3));
}

function sin(halfTurns: number): number {
  return Math.sin(halfTurns * Math.PI);
}
