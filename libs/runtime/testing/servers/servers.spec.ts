import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ownServerOffer, type ServerKind, startServer, type TestServer } from './index.js';

const kinds: ServerKind[] = ['redis', 'sentinel', 'postgresql', 'influxdb', 'mosquitto'];
const running: TestServer[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

/** Whether something listens there. */
function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

for (const kind of kinds) {
  const { available, title } = ownServerOffer(kind);
  (available ? describe : describe.skip)(`a test's own ${title}`, () => {
    it('starts on a free port, survives a kill with its data, and leaves nothing behind', async () => {
      const server = await startServer(kind);
      running.push(server);
      expect(await listens(server.url)).toBe(true);
      await server.process?.kill();
      expect(await listens(server.url)).toBe(false);
      await server.process?.start();
      expect(await listens(server.url)).toBe(true);
      await server.stop();
      expect(await listens(server.url)).toBe(false);
    });
  });
}
