export * from './open-test-stream.js';
