import { operationsConfig, runApp } from '#libs/runtime';
import { StreamServer } from '#libs/stream';
import { operationsPorts } from '../operations-ports.js';
import { PipelineApp } from './pipeline.app.js';

await runApp({
  name: 'pipeline',
  module: (environment) => PipelineApp.in(environment),
  strategy: StreamServer,
  operations: operationsConfig(operationsPorts.pipeline),
});
