import { describe, expect, it } from '@jest/globals';
import { type Position, toWgs84, wgs84ToGcj02 } from './coordinates.js';

/** Metres between two positions a few hundred metres apart. */
function metresBetween(a: Position, b: Position): number {
  const north = (a.latitude - b.latitude) * 111_320;
  const east = (a.longitude - b.longitude) * 111_320 * Math.cos((a.latitude / 180) * Math.PI);
  return Math.hypot(north, east);
}

const zunyi = { latitude: 27.7257, longitude: 106.9272 };

describe('coordinates', () => {
  // Published examples of eviltransform: WGS-84, GCJ-02.
  it.each([
    [31.1774276, 121.5272106, 31.17530398364597, 121.531541859215],
    [22.543847, 113.912316, 22.540796131694766, 113.9171764808363],
    [39.911954, 116.377817, 39.91334545536069, 116.38404722455657],
  ])('knows the shift at %d, %d', (latitude, longitude, shiftedLatitude, shiftedLongitude) => {
    const shifted = wgs84ToGcj02({ latitude, longitude });
    expect(shifted.latitude).toBeCloseTo(shiftedLatitude, 6);
    expect(shifted.longitude).toBeCloseTo(shiftedLongitude, 6);
    expect(metresBetween(toWgs84(shifted, 'GCJ-02'), { latitude, longitude })).toBeLessThan(0.01);
  });

  it('moves a position in Zunyi by 500 to 540 m', () => {
    const metres = metresBetween(zunyi, wgs84ToGcj02(zunyi));
    expect(metres).toBeGreaterThan(450);
    expect(metres).toBeLessThan(560);
  });

  it('brings BD-09 back to within a metre or two', () => {
    const gcj = wgs84ToGcj02(zunyi);
    const turn = (Math.PI * 3000) / 180;
    const radius = Math.hypot(gcj.longitude, gcj.latitude) + 0.00002 * Math.sin(gcj.latitude * turn);
    const angle = Math.atan2(gcj.latitude, gcj.longitude) + 0.000003 * Math.cos(gcj.longitude * turn);
    const bd = { latitude: radius * Math.sin(angle) + 0.006, longitude: radius * Math.cos(angle) + 0.0065 };
    expect(metresBetween(toWgs84(bd, 'BD-09'), zunyi)).toBeLessThan(2);
  });

  it('leaves WGS-84, CGCS2000 and the rest of the world alone', () => {
    expect(toWgs84(zunyi, 'WGS-84')).toEqual(zunyi);
    expect(toWgs84(zunyi, 'CGCS2000')).toEqual(zunyi);
    const berlin = { latitude: 52.5, longitude: 13.4 };
    expect(toWgs84(berlin, 'GCJ-02')).toEqual(berlin);
  });
});
