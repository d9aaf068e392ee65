import { crashBatch } from '../testing/messages.js';
import { openTestTelemetryStore } from '../testing/test-telemetry-store.js';

// Appends entry after entry and says how far it got, until somebody kills it.
const { store } = await openTestTelemetryStore({ dataDir: process.argv[2] });
for (let position = 1; ; position += 1) {
  await store.append([crashBatch(position)]);
  process.send?.(position);
}
