import { GatewayAddresses } from '#libs/gateway';
import { operationsConfig, runApp } from '#libs/runtime';
import { operationsPorts } from '../operations-ports.js';
import { GatewayApp } from './gateway.app.js';

await runApp({
  name: 'gateway',
  module: (environment) => GatewayApp.in(environment),
  operations: operationsConfig(operationsPorts.gateway),
  announce: (app) => ({ ...app.get(GatewayAddresses, { strict: false }) }),
});
