import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { Client } from 'pg';
import { connectionOptions } from './open-database.js';

/** Held while migrating, so that two processes that start together do not both do it. */
const migrationLock = 0x63697479;

/** Brings the schema of the registry at `url` up to date; processes that do so at the same time take turns. */
export async function migrateRegistry(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await migrate(drizzle(client), { migrationsFolder: migrationsFolder() });
    await client.query('select pg_advisory_unlock($1)', [migrationLock]);
  });
}

/** Whether the schema at `url` has everything that this release expects; a later one has too. */
export async function isMigrated(url: string): Promise<boolean> {
  const newest = readMigrationFiles({ migrationsFolder: migrationsFolder() }).at(-1)?.folderMillis ?? 0;
  return withClient(url, async (client) => {
    const { rows: tables } = await client.query(`select to_regclass('drizzle.__drizzle_migrations') as there`);
    if (tables[0]?.there === null) return false;
    const { rows } = await client.query('select max(created_at)::float8 as last from drizzle.__drizzle_migrations');
    return Number(rows[0]?.last ?? 0) >= newest;
  });
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(connectionOptions(url));
  // A connection lost fails the query under way, which is told enough.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The folder of the generated SQL, which lies beside the sources also when the compiled code runs. */
export function migrationsFolder(): string {
  const candidates = ['./migrations', '../../../libs/registry-db/migrations'];
  for (const candidate of candidates) {
    const folder = fileURLToPath(new URL(candidate, import.meta.url));
    if (existsSync(join(folder, 'meta', '_journal.json'))) return folder;
  }
  throw new Error(
    'The registry has no migrations: libs/registry-db/migrations is missing. Restore it, or run npm run db:generate.',
  );
}
