import { describeTelemetryStore, openTestTelemetryStore } from '#libs/telemetry-store/testing';

describeTelemetryStore('duckdb', {
  open: async (dataDir) => (await openTestTelemetryStore({ dataDir })).store,
  crashScript: new URL('./append-until-killed.child.js', import.meta.url),
});
