import { api, ask, type Schemas } from './client.js';
import { sessionValue } from './session-value.js';

const read = sessionValue<readonly Schemas['AreaView'][]>(
  'devices:read',
  [],
  async () => (await ask(api.GET('/api/v1/areas'))).items,
);

/** The districts of the city, by name and by boundary. */
export const useAreas = () => read().value;
