import { GatewayAddresses } from '#libs/gateway';
import { runApp } from '#libs/runtime';
import { GatewayApp } from './gateway.app.js';

await runApp({
  name: 'gateway',
  module: (environment) => GatewayApp.in(environment),
  announce: (app) => ({ ...app.get(GatewayAddresses, { strict: false }) }),
});
