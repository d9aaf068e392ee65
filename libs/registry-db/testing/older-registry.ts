import { readMigrationFiles } from 'drizzle-orm/migrator';
import { Client } from 'pg';
import { migrationsFolder } from '../migrate.js';

const table = `create schema if not exists drizzle;
  create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
const mark = 'insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)';

/** Leaves an empty database as the first release leaves it. */
export async function runFirstMigration(url: string): Promise<void> {
  const [first] = readMigrationFiles({ migrationsFolder: migrationsFolder() });
  if (!first) throw new Error('there is no first migration');
  await withClient(url, async (client) => {
    await client.query(table);
    for (const statement of first.sql) await client.query(statement);
    await client.query(mark, [first.hash, first.folderMillis]);
  });
}

/** Says that a migration which this version does not know was run after all others. */
export async function markUnknownMigration(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(table);
    await client.query(mark, ['of another version', Number.MAX_SAFE_INTEGER]);
  });
}

async function withClient(url: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
