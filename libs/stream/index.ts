export { BacklogWatch } from './backlog-watch.js';
export * from './stage.js';
export { streamConfig } from './stream.config.js';
export * from './stream.errors.js';
export * from './stream.module.js';
export * from './stream.port.js';
export * from './stream-server.js';
