import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const areasConfig = defineConfig('areas', {
  file: setting.optional(
    'AREAS_FILE',
    "GeoJSON of the city's districts (WGS-84), named in lists and drawn on the map: one feature each, with `code` or `adcode` (GB/T 2260), `name` and perhaps `nameEn`. Zunyi's names, without boundaries, unless set.",
  ),
});
export type AreasConfig = ConfigOf<typeof areasConfig>;
