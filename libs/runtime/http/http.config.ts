import { type ConfigOf, defineConfig, setting } from '../config.js';

export const httpConfig = defineConfig('http', {
  httpPort: setting.port('HTTP_PORT', 3000, 'TCP port of the REST API, the docs and the console.'),
  httpHost: setting.text('HTTP_HOST', '0.0.0.0', 'Address the REST API listens on.'),
});
export type HttpConfig = ConfigOf<typeof httpConfig>;
