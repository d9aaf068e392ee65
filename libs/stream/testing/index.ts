export * from './open-test-stream.js';
export * from './run-stage.js';
