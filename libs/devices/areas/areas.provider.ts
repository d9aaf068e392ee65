import type { Provider } from '@nestjs/common';
import { type Area, readAreaFile } from './area-file.js';
import { type AreasConfig, areasConfig } from './areas.config.js';
import { zunyiAreas } from './zunyi.js';

/** Injection token of the city's districts, `readonly Area[]`. */
export const AREAS = Symbol('areas');

export const areasProvider: Provider = {
  provide: AREAS,
  useFactory: async ({ file }: AreasConfig): Promise<readonly Area[]> => (file ? await readAreaFile(file) : zunyiAreas),
  inject: [areasConfig.KEY],
};
