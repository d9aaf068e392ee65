export { rowsScannedFile } from '../duckdb/question-profile.js';
export type { TelemetryStoreHarness } from './contract-run.js';
export * from './messages.js';
export * from './store-scene.js';
export * from './test-influxdb-store.js';
export * from './test-telemetry-store.js';
