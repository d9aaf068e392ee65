import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';

/** The colours of the map, on a light and on a dark ground. */
export interface Palette {
  ground: string;
  line: string;
  text: string;
  halo: string;
  area: string;
  tones: Record<string, string>;
}

export const palettes: Record<'light' | 'dark', Palette> = {
  light: {
    ground: '#eef2f5',
    line: '#d3dbe2',
    text: '#5b6670',
    halo: '#eef2f5',
    area: '#1668dc',
    tones: {
      critical: '#c1121f',
      major: '#d9730d',
      minor: '#b58900',
      warning: '#0b76c4',
      info: '#57606a',
      online: '#1f9d55',
      mixed: '#4d8a66',
      silent: '#8a949e',
    },
  },
  dark: {
    ground: '#0e1418',
    line: '#22303a',
    text: '#8b99a5',
    halo: '#0e1418',
    area: '#5b95e7',
    tones: {
      critical: '#ff4d57',
      major: '#ff9d45',
      minor: '#e5c352',
      warning: '#57aef2',
      info: '#a4adb6',
      online: '#2fbf71',
      mixed: '#6aa886',
      silent: '#6b7680',
    },
  },
};

/** The background: tiles where the address has {z}, a style of others else, plain colour where there is none. */
export function backgroundOf(mapUrl: string | undefined, { ground }: Palette): StyleSpecification | string {
  if (mapUrl !== undefined && !mapUrl.includes('{z}')) return mapUrl;
  const plain: LayerSpecification = { id: 'ground', type: 'background', paint: { 'background-color': ground } };
  if (mapUrl === undefined) return { version: 8, sources: {}, layers: [plain] };
  return {
    version: 8,
    sources: { tiles: { type: 'raster', tiles: [mapUrl], tileSize: 256, maxzoom: 18 } },
    layers: [plain, { id: 'tiles', type: 'raster', source: 'tiles' }],
  };
}

export const emptyCollection = { type: 'FeatureCollection' as const, features: [] };

/** What we draw upon the background, from the ground up. */
export function layersOf({ line, text, halo, area, tones }: Palette, withGraticule: boolean): LayerSpecification[] {
  const tone = ['match', ['get', 'tone'], ...Object.entries(tones).flat(), tones.silent];
  const radius = ['interpolate', ['linear'], ['get', 'size'], 0, 6, 1, 12, 2, 17, 3, 22, 5, 30];
  const font = ['sans-serif'];
  const layers = [
    withGraticule && {
      id: 'graticule',
      type: 'line',
      source: 'graticule',
      paint: { 'line-color': line, 'line-width': 1 },
    },
    withGraticule && {
      id: 'graticule-labels',
      type: 'symbol',
      source: 'graticule-labels',
      layout: { 'text-field': ['get', 'label'], 'text-size': 11, 'text-font': font, 'text-anchor': 'bottom-left' },
      paint: { 'text-color': text },
    },
    { id: 'areas', type: 'fill', source: 'areas', paint: { 'fill-color': area, 'fill-opacity': 0.06 } },
    {
      id: 'area-edges',
      type: 'line',
      source: 'areas',
      paint: { 'line-color': area, 'line-opacity': 0.35, 'line-width': 1 },
    },
    {
      id: 'spots',
      type: 'circle',
      source: 'spots',
      paint: {
        'circle-color': tone,
        'circle-radius': radius,
        'circle-opacity': 0.9,
        'circle-stroke-width': ['case', ['==', ['get', 'alert'], 1], 3, 1.5],
        'circle-stroke-color': ['case', ['==', ['get', 'alert'], 1], tone, halo],
        'circle-stroke-opacity': ['case', ['==', ['get', 'alert'], 1], 0.35, 1],
      },
    },
    {
      id: 'counts',
      type: 'symbol',
      source: 'spots',
      filter: ['!=', ['get', 'label'], ''],
      layout: {
        'text-field': ['get', 'label'],
        'text-size': 12,
        'text-font': font,
        'text-allow-overlap': true,
        'text-ignore-placement': true,
      },
      paint: { 'text-color': '#ffffff' },
    },
    {
      id: 'area-labels',
      type: 'symbol',
      source: 'area-labels',
      layout: { 'text-field': ['get', 'label'], 'text-size': 12, 'text-font': font, 'text-offset': [0, 1.6] },
      paint: { 'text-color': text, 'text-halo-color': halo, 'text-halo-width': 1.5 },
    },
  ];
  return layers.filter((layer) => layer !== false) as unknown as LayerSpecification[];
}
