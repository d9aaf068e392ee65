import { openTestTelemetryStore } from '#libs/telemetry-store/testing';
import { describeTelemetryStore } from '../testing/telemetry-store.contract.js';
import type { DuckdbTelemetryStore } from './duckdb-telemetry-store.js';

describeTelemetryStore('duckdb', {
  open: async (dataDir, clock) => (await openTestTelemetryStore({ dataDir, clock })).store,
  upkeep: (store) => (store as DuckdbTelemetryStore).maintain(),
  crashScript: new URL('./append-until-killed.child.js', import.meta.url),
});
