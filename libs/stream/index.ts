export * from './stage.js';
export * from './stream.port.js';
