import { basename } from 'node:path';
import { crashBatch } from '../testing/messages.js';
import { testInfluxdbStore } from '../testing/test-influxdb-store.js';

// Appends entry after entry and says how far it got, until somebody kills it.
const [, , dataDir = '', url = ''] = process.argv;
const store = testInfluxdbStore({ url, database: basename(dataDir) });
await store.start();
for (let position = 1; ; position += 1) {
  await store.append([crashBatch(position)]);
  process.send?.(position);
}
