import { createServer } from 'node:net';
import { Aedes } from 'aedes';

// The yardstick: an MQTT broker with no handler at all, in a process of its own.
const broker = await Aedes.createBroker();
const server = createServer(broker.handle);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as { port: number }).port}\n`);
});
