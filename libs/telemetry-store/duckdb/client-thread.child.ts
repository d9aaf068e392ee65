import { parentPort, workerData } from 'node:worker_threads';
import { batchOf, dayStart, messageOf } from '../testing/messages.js';
import { openTestTelemetryStore } from '../testing/test-telemetry-store.js';

// A thread that does not own the store: it finds the one that does, appends there, reads back and says what it read.
const { dataDir, partition, entries } = workerData as { dataDir: string; partition: number; entries: number };
const { store } = await openTestTelemetryStore({ dataDir });
await Promise.all(
  Array.from({ length: entries }, (_, index) =>
    store.append([
      batchOf(
        [messageOf({ deviceKey: `thread-${partition}` }, { observedAt: dayStart + index, values: { level: index } })],
        { partition, position: index + 1 },
      ),
    ]),
  ),
);
const range = { from: dayStart, to: dayStart + entries };
const readings = await store.range({ deviceKey: `thread-${partition}`, range, limit: entries });
parentPort?.postMessage(readings.length);
await store.stop();
