import { basename } from 'node:path';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { dropDatabase, testInfluxdbStore } from '#libs/telemetry-store/testing';
import { describeTelemetryStore } from '../testing/telemetry-store.contract.js';

const offer = serverOffer('influxdb');

(offer.available ? describe : describe.skip)(`on ${offer.title}`, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer('influxdb');
  }, 60_000);
  afterAll(() => server.stop());

  describeTelemetryStore('influxdb', {
    open: async (dataDir, clock) => {
      const store = testInfluxdbStore({ url: server.url, database: basename(dataDir), clock });
      await store.start();
      return store;
    },
    upkeep: (store) => store.rollUp(() => true),
    crashScript: new URL('./append-until-killed.child.js', import.meta.url),
    crashArguments: () => [server.url],
    discard: (dataDir) => dropDatabase(server.url, basename(dataDir)),
  });
});
