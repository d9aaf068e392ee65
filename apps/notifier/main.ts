import { operationsConfig, runApp } from '#libs/runtime';
import { StreamServer } from '#libs/stream';
import { operationsPorts } from '../operations-ports.js';
import { NotifierApp } from './notifier.app.js';

await runApp({
  name: 'notifier',
  module: (environment) => NotifierApp.in(environment),
  strategy: StreamServer,
  operations: operationsConfig(operationsPorts.notifier),
});
