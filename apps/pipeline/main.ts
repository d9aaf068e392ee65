import { runApp } from '#libs/runtime';
import { StreamServer } from '#libs/stream';
import { PipelineApp } from './pipeline.app.js';

await runApp({
  name: 'pipeline',
  module: (environment) => PipelineApp.in(environment),
  strategy: StreamServer,
});
