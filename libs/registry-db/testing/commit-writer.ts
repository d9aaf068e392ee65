// Run as a process by the durability test: writes 1, 2, 3 ... and prints each number once its commit was answered.
import { writeSync } from 'node:fs';
import { Client } from 'pg';
import { startEmbeddedRegistry } from '../embedded/start-embedded.js';

const [directory = '', from = '0'] = process.argv.slice(2);
const { url } = await startEmbeddedRegistry(directory);
const client = new Client({ connectionString: url });
await client.connect();
for (let n = Number(from); ; n++) {
  await client.query('insert into kept values ($1)', [n]);
  writeSync(1, `${n}\n`);
}
