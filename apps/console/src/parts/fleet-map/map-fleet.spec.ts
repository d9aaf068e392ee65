import { describe, expect, it } from '@jest/globals';
import { areaFeatures, boxOf, graticuleFeatures, spotFeatures } from './features.js';
import { graticule } from './graticule.js';
import { hullOf } from './hull.js';
import { MapFleet, type MapView } from './map-fleet.js';
import { cellSize, countLabel, devicesAt, type Spot, spotsIn, toneOf } from './spots.js';
import { contains, placeOf, widened, worldOf } from './world.js';

const view: MapView = {
  revision: 'a.1',
  products: [
    { id: 'meter', name: { zh: '水表', en: 'Meter' }, domain: 'water' },
    { id: 'smoke', name: { zh: '烟感', en: 'Smoke' }, domain: 'fire' },
  ],
  areas: ['', '520302'],
  states: ['online', 'offline', 'never_seen', 'disabled', 'retired'],
  severities: ['critical', 'major', 'minor', 'warning', 'info'],
  devices: {
    id: ['a', 'b', 'c', 'd', 'e'],
    longitude: [106.9, 106.9001, 106.9002, 107.4, 106.9],
    latitude: [27.7, 27.7, 27.7, 27.9, 27.7],
    product: [0, 0, 1, 1, 0],
    area: [1, 1, 1, 0, 1],
    state: [0, 1, 0, 2, 4],
    severity: [5, 5, 0, 3, 5],
  },
};
const world = { west: 0, east: 1, north: 0, south: 1 };
const all = (fleet: MapFleet) => Uint8Array.from({ length: fleet.size }, (_, index) => (fleet.isThere(index) ? 1 : 0));

describe('the fleet of the map', () => {
  it('takes in what the stream tells: changes, newcomers, and those that are gone', () => {
    const fleet = new MapFleet(view);
    expect([0, 1, 2, 3, 4].map((index) => fleet.isThere(index))).toEqual([true, true, true, true, false]);
    const device = { productId: 'meter', areaCode: '520302', longitude: 107, latitude: 28 };
    fleet.apply({
      devices: [
        { id: 'a', ...device, state: 'offline', severity: 'major' },
        { id: 'new', ...device, productId: 'lamp', areaCode: '520303', state: 'online', severity: null },
      ],
      removed: ['c', 'nobody'],
    });
    expect([fleet.size, fleet.idOf(5), fleet.isThere(2), fleet.hasAlert(0), fleet.hasAlert(5)]).toEqual([
      6,
      'new',
      false,
      true,
      false,
    ]);
    expect([fleet.products[2]?.id, fleet.areas[2]]).toEqual(['lamp', '520303']);
    expect(placeOf({ x: fleet.x[5] ?? 0, y: fleet.y[5] ?? 0 }).latitude).toBeCloseTo(28, 6);
  });

  it('grows past what it was read with', () => {
    const fleet = new MapFleet(view);
    const device = {
      productId: 'meter',
      areaCode: '',
      longitude: 1,
      latitude: 1,
      state: 'online' as const,
      severity: null,
    };
    fleet.apply({ devices: Array.from({ length: 3_000 }, (_, n) => ({ ...device, id: `n${n}` })), removed: [] });
    expect([fleet.size, fleet.isThere(3_004), fleet.idOf(3_004)]).toEqual([3_005, true, 'n2999']);
  });

  it('leaves out a device whose position went while the answer was written', () => {
    const longitude = [null as unknown as number, ...view.devices.longitude.slice(1)];
    const fleet = new MapFleet({ ...view, devices: { ...view.devices, longitude } });
    expect(fleet.isThere(0)).toBe(false);
  });
});

describe('spots', () => {
  it('gather what would lie on each other, with the worst alert, and part it close by', () => {
    const fleet = new MapFleet(view);
    const far = spotsIn(fleet, all(fleet), world, 8);
    expect(far.map(({ count, severity, online }) => [count, severity, online])).toEqual([
      [3, 0, 2],
      [1, 3, 0],
    ]);
    expect(placeOf(far[0] as Spot).longitude).toBeCloseTo(106.9001, 5);
    expect(spotsIn(fleet, all(fleet), world, 19)).toHaveLength(4);
    expect(devicesAt(fleet, all(fleet), far[0] as Spot, 8, 2)).toEqual([2, 0]);
  });

  it('are only those of the box, and of what is shown', () => {
    const fleet = new MapFleet(view);
    const { x, y } = worldOf({ longitude: 107.4, latitude: 27.9 });
    const box = { west: x - 1e-4, east: x + 1e-4, north: y - 1e-4, south: y + 1e-4 };
    expect(spotsIn(fleet, all(fleet), box, 10).map(({ device }) => device)).toEqual([3]);
    expect(spotsIn(fleet, new Uint8Array(fleet.size), world, 10)).toEqual([]);
  });

  it('of a hundred thousand are made within a few frames', () => {
    const size = 100_000;
    const column = (of: (index: number) => number) => Array.from({ length: size }, (_, index) => of(index));
    const fleet = new MapFleet({
      ...view,
      devices: {
        id: column(String as never) as unknown as string[],
        longitude: column((index) => 106 + (index % 317) / 317),
        latitude: column((index) => 27 + (index % 1_009) / 1_009),
        product: column(() => 0),
        area: column(() => 1),
        state: column((index) => index % 2),
        severity: column((index) => (index % 1_000 === 0 ? 1 : 5)),
      },
    });
    const shown = all(fleet);
    spotsIn(fleet, shown, world, 11);
    const began = performance.now();
    const spots = spotsIn(fleet, shown, world, 11);
    // 3 ms where it was written; this is no benchmark, and only fails where it became something else than one pass.
    expect(performance.now() - began).toBeLessThan(500);
    expect(spots.reduce((sum, { count }) => sum + count, 0)).toBe(size);
    expect(spots.length).toBeLessThan(5_000);
  });

  it('lie in cells that halve with each level', () => {
    expect(cellSize(9) / cellSize(10)).toBe(2);
    expect(cellSize(10.9)).toBe(cellSize(10));
  });

  it.each([
    [1, ''],
    [42, '42'],
    [999, '999'],
    [1_000, '1.0k'],
    [9_960, '9.9k'],
    [123_456, '123k'],
  ])('%d is written %s', (count, label) => expect(countLabel(count)).toBe(label));

  it.each([
    [{ severity: 0, online: 9, count: 9 }, 'critical'],
    [{ severity: 5, online: 9, count: 9 }, 'online'],
    [{ severity: 5, online: 1, count: 9 }, 'mixed'],
    [{ severity: 5, online: 0, count: 9 }, 'silent'],
  ])('%j is %s', (spot, tone) => expect(toneOf(spot)).toBe(tone));

  it('are drawn with the worst on top', () => {
    const fleet = new MapFleet(view);
    const { features } = spotFeatures(spotsIn(fleet, all(fleet), world, 8));
    expect(features.map(({ properties }) => [properties.tone, properties.label, properties.alert])).toEqual([
      ['warning', '', 1],
      ['critical', '3', 1],
    ]);
  });
});

describe('the ground of the map', () => {
  it('has a graticule of a step that is easy to read', () => {
    const lines = graticule({ west: 106.5, east: 107.5, south: 27.5, north: 28 });
    expect(lines.map(({ label }) => label)).toEqual([
      ...['106.5', '106.6', '106.7', '106.8', '106.9', '107.0', '107.1', '107.2', '107.3', '107.4', '107.5'].map(
        (text) => `${text}°E`,
      ),
      ...['27.5', '27.6', '27.7', '27.8', '27.9', '28.0'].map((text) => `${text}°N`),
    ]);
  });

  it.each([
    [{ west: -180, east: 180, south: -90, north: 90 }, ['180°W', '0°', '60°S']],
    [{ west: 175, east: 185, south: -1, north: 1 }, ['180°W', '175°W', '179°E', '0°']],
    [{ west: 106.9, east: 106.901, south: 27.7, north: 27.7005 }, ['106.900°E', '27.700°N']],
  ])('%j names %j', (box, names) => {
    expect(graticule(box).map(({ label }) => label)).toEqual(expect.arrayContaining(names));
  });

  it('names its lines at the edges of the view', () => {
    const northWest = worldOf({ longitude: 106, latitude: 28 });
    const southEast = worldOf({ longitude: 107, latitude: 27 });
    const box = { west: northWest.x, east: southEast.x, north: northWest.y, south: southEast.y };
    const { lines, labels } = graticuleFeatures(widened(box, 0.5), box);
    expect(lines.features).toHaveLength(labels.features.length);
    const meridian = labels.features.find(({ properties }) => properties.label === '106.4°E');
    expect(meridian?.geometry.coordinates).toEqual([expect.closeTo(106.4), expect.closeTo(27)]);
    expect([contains(widened(box, 0.1), box), contains(box, widened(box, 0.1))]).toEqual([true, false]);
  });

  it('shows areas within their boundaries, or as the hulls of their devices', () => {
    const fleet = new MapFleet({
      ...view,
      devices: {
        ...view.devices,
        longitude: [106, 107, 106.5, 107.4, 106.2],
        latitude: [27, 27, 28, 27.9, 27.2],
        state: [0, 0, 0, 0, 0],
      },
    });
    const { shapes, labels } = areaFeatures(fleet, [], (code) => `area ${code}`);
    expect(shapes.features.map(({ properties }) => properties.code)).toEqual(['520302']);
    expect(shapes.features[0]?.geometry.coordinates[0]).toHaveLength(4);
    expect(labels.features[0]?.properties.label).toBe('area 520302');
    const square = [
      [106, 26],
      [108, 26.5],
      [108, 29],
      [106, 29],
      [106, 26],
    ];
    const boundary = { type: 'MultiPolygon', coordinates: [[square]] };
    const named = { code: '520302', name: { zh: '区', en: 'District' }, boundary };
    const drawn = areaFeatures(fleet, [named, { ...named, code: '520303', boundary: null }], (code) => code);
    expect(drawn.shapes.features.map(({ geometry }) => geometry)).toEqual([boundary]);
    expect(drawn.labels.features[0]?.geometry.coordinates).toEqual([106, 26]);
    const box = boxOf(fleet, all(fleet));
    expect(placeOf({ x: box?.west ?? 0, y: box?.south ?? 0 })).toEqual({
      longitude: expect.closeTo(106),
      latitude: expect.closeTo(27),
    });
    expect(boxOf(fleet, new Uint8Array(5))).toBeUndefined();
  });

  it.each([
    [
      'a square with a point in it',
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
        [0.5, 0.5],
      ],
      5,
    ],
    [
      'a line',
      [
        [0, 0],
        [1, 1],
        [2, 2],
      ],
      undefined,
    ],
    ['one point', [[0, 0]], undefined],
    ['nothing', [], undefined],
  ])('the hull of %s', (_, points, corners) => {
    expect(hullOf(points.map(([x = 0, y = 0]) => ({ x, y })))?.length).toBe(corners);
  });
});
