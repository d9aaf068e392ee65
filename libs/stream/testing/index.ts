export type { LogUnderTest, OpenLog } from './contract-scene.js';
export * from './describe-stream-log.js';
export * from './lose-entry.js';
export * from './open-test-redis-stream.js';
export * from './open-test-stream.js';
export * from './run-stage.js';
