import type { components } from './schema.js';

/** The views and bodies of the REST API, by name: `Schemas['DeviceView']`. */
export type Schemas = components['schemas'];
