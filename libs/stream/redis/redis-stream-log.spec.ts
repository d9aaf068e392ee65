import { afterAll, beforeAll, describe } from '@jest/globals';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { describeStreamLog } from '../testing/describe-stream-log.js';
import { openLogAt } from './testing/open-log.js';

const offer = serverOffer('redis');

(offer.available ? describe : describe.skip)(`on ${offer.title}`, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer('redis');
  });
  afterAll(() => server.stop());

  describeStreamLog(
    'redis',
    openLogAt(() => server.url),
  );
});
