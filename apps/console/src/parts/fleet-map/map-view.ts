import 'maplibre-gl/dist/maplibre-gl.css';
import { type GeoJSONSource, Map as MapLibreMap, NavigationControl, ScaleControl, setWorkerUrl } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import { areaFeatures, boxOf, type Collection, type District, graticuleFeatures, spotFeatures } from './features.js';
import type { MapFleet } from './map-fleet.js';
import { backgroundOf, emptyCollection, layersOf, palettes } from './map-style.js';
import { devicesAt, spotsIn } from './spots.js';
import { contains, placeOf, type WorldBox, widened, worldOf } from './world.js';

setWorkerUrl(workerUrl);

/** However much changes, spots are drawn anew this often at most. */
const redrawMs = 400;
const lastZoom = 19;
/** A list of devices that lie on each other is no longer. */
const mostPicked = 50;
const sources = ['graticule', 'graticule-labels', 'areas', 'area-labels', 'spots'] as const;

export interface MapViewOptions {
  container: HTMLElement;
  mapUrl: string | undefined;
  isDark: boolean;
  interactive: boolean;
  /** Devices that were clicked: one, or several that lie on each other. */
  onPick: (devices: number[]) => void;
  onError: (message: string) => void;
}

/** The map itself: MapLibre GL with our sources, drawn from what `show` gave it last. */
export class MapView {
  private readonly map: MapLibreMap;
  private fleet: MapFleet | undefined;
  private shown = new Uint8Array(0);
  private districts: readonly District[] = [];
  private areaName = (code: string) => code;
  private ready = false;
  private isFitted = false;
  /** What the spots on screen were made for. */
  private drawn: { box: WorldBox; level: number } | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastDrawAt = 0;

  constructor(private readonly options: MapViewOptions) {
    const { container, mapUrl, isDark, interactive } = options;
    this.map = new MapLibreMap({
      container,
      style: backgroundOf(mapUrl, palettes[isDark ? 'dark' : 'light']),
      center: [105, 35],
      zoom: 3,
      maxZoom: lastZoom,
      interactive,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      renderWorldCopies: false,
      fadeDuration: 0,
    });
    this.map.touchZoomRotate.disableRotation();
    if (interactive) this.map.addControl(new NavigationControl({ showCompass: false }), 'top-right');
    this.map.addControl(new ScaleControl({}), 'bottom-left');
    this.map.on('style.load', () => this.dress());
    this.map.on('move', () => this.drawIfNeeded());
    this.map.on('moveend', () => this.drawGraticule());
    this.map.on('click', (event) => this.pick(event.point));
    this.map.on('mousemove', 'spots', () => this.point('pointer'));
    this.map.on('mouseleave', 'spots', () => this.point(''));
    this.map.on('error', ({ error }) => options.onError(error.message));
  }

  /** Draws these devices: the fleet, and for each whether it is shown. Called again when either has changed. */
  show(fleet: MapFleet, shown: Uint8Array<ArrayBuffer>): void {
    const isNew = fleet !== this.fleet;
    this.fleet = fleet;
    this.shown = shown;
    if (!this.ready) return;
    if (isNew) this.drawAreas();
    if (!this.isFitted) this.fit();
    const wait = Math.max(0, this.lastDrawAt + redrawMs - performance.now());
    this.timer ??= setTimeout(() => this.draw(), wait);
  }

  /** Draws the districts, and calls them by these names from now on. */
  showAreas(districts: readonly District[], areaName: (code: string) => string): void {
    this.districts = districts;
    this.areaName = areaName;
    if (this.ready) this.drawAreas();
  }

  /** Brings everything that is shown into view. */
  fit(): void {
    const box = this.fleet && boxOf(this.fleet, this.shown);
    if (!box) return;
    this.isFitted = true;
    const [from, to] = [placeOf({ x: box.west, y: box.south }), placeOf({ x: box.east, y: box.north })];
    this.map.fitBounds([from.longitude, from.latitude, to.longitude, to.latitude], {
      padding: 40,
      maxZoom: 15,
      animate: false,
    });
  }

  /** Goes where a device is. */
  goTo(index: number): void {
    if (!this.fleet) return;
    const { longitude, latitude } = placeOf({ x: this.fleet.x[index] as number, y: this.fleet.y[index] as number });
    this.map.jumpTo({ center: [longitude, latitude], zoom: Math.max(16, this.map.getZoom()) });
  }

  dress(isDark = this.options.isDark): void {
    this.options.isDark = isDark;
    const palette = palettes[isDark ? 'dark' : 'light'];
    const { map } = this;
    for (const { id } of layersOf(palette, true)) if (map.getLayer(id)) map.removeLayer(id);
    for (const id of sources) {
      if (!map.getSource(id))
        map.addSource(id, { type: 'geojson', data: emptyCollection, maxzoom: lastZoom, tolerance: 0 });
    }
    if (map.getLayer('ground')) map.setPaintProperty('ground', 'background-color', palette.ground);
    for (const layer of layersOf(palette, this.options.mapUrl === undefined)) map.addLayer(layer);
    this.ready = true;
    this.drawGraticule();
    if (!this.fleet) return;
    this.drawAreas();
    if (!this.isFitted) this.fit();
    this.draw();
  }

  remove(): void {
    clearTimeout(this.timer);
    this.map.remove();
  }

  /** Spots lie still while the map moves: they are made anew only where it leaves what was made, or changes its scale. */
  private drawIfNeeded(): void {
    const level = Math.floor(this.map.getZoom());
    if (this.drawn && this.drawn.level === level && contains(this.drawn.box, this.view())) return;
    this.draw();
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.ready || !this.fleet) return;
    this.lastDrawAt = performance.now();
    const box = widened(this.view(), 0.5);
    const level = Math.floor(this.map.getZoom());
    this.drawn = { box, level };
    this.set('spots', spotFeatures(spotsIn(this.fleet, this.shown, box, level)));
    // Once what was set is on the screen: for those who wait for the picture.
    const { dataset } = this.options.container;
    if (dataset.drawn === undefined) {
      dataset.drawn = 'false';
      this.map.once('idle', () => {
        dataset.drawn = 'true';
      });
    }
  }

  private drawAreas(): void {
    if (!this.fleet) return;
    const { shapes, labels } = areaFeatures(this.fleet, this.districts, this.areaName);
    this.set('areas', shapes);
    this.set('area-labels', labels);
  }

  private drawGraticule(): void {
    if (!this.ready || this.options.mapUrl !== undefined) return;
    const view = this.view();
    const { lines, labels } = graticuleFeatures(widened(view, 0.5), view);
    this.set('graticule', lines);
    this.set('graticule-labels', labels);
  }

  private set(source: (typeof sources)[number], data: Collection): void {
    void this.map.getSource<GeoJSONSource>(source)?.setData(data);
  }

  private view(): WorldBox {
    const bounds = this.map.getBounds();
    const northWest = worldOf({ longitude: bounds.getWest(), latitude: bounds.getNorth() });
    const southEast = worldOf({ longitude: bounds.getEast(), latitude: bounds.getSouth() });
    return { west: northWest.x, east: southEast.x, north: northWest.y, south: southEast.y };
  }

  private pick(at: { x: number; y: number }): void {
    if (!this.ready || !this.fleet) return;
    const reach = 4;
    const [spot] = this.map.queryRenderedFeatures(
      [
        [at.x - reach, at.y - reach],
        [at.x + reach, at.y + reach],
      ],
      { layers: ['spots'] },
    );
    if (!spot) {
      this.options.onPick([]);
      return;
    }
    const { device, count } = spot.properties as { device: number; count: number };
    const level = Math.floor(this.map.getZoom());
    const devices = count === 1 ? [device] : devicesAt(this.fleet, this.shown, { device }, level, mostPicked);
    if (count === 1 || level >= lastZoom - 1 || this.liesOnEachOther(devices, count)) this.options.onPick(devices);
    else this.comeCloser(spot.geometry as { coordinates: number[] });
  }

  private comeCloser({ coordinates }: { coordinates: number[] }): void {
    const [longitude, latitude] = coordinates as [number, number];
    this.map.easeTo({ center: [longitude, latitude], zoom: Math.min(lastZoom, this.map.getZoom() + 2), duration: 300 });
  }

  /** Devices of one building share its position: coming closer would not part them. */
  private liesOnEachOther(devices: readonly number[], count: number): boolean {
    const [first] = devices;
    if (!this.fleet || first === undefined || devices.length < Math.min(count, mostPicked)) return false;
    const { x, y } = this.fleet;
    return devices.every((index) => x[index] === x[first] && y[index] === y[first]);
  }

  private point(cursor: string): void {
    this.map.getCanvas().style.cursor = cursor;
  }
}
