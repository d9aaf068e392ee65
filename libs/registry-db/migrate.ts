import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { Client } from 'pg';

/** Held while migrating, so that two processes that start together do not both do it. */
const migrationLock = 0x63697479;

/** Brings the schema of the registry at `url` up to date. */
export async function migrateRegistry(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await migrate(drizzle(client), { migrationsFolder: migrationsFolder() });
    await client.query('select pg_advisory_unlock($1)', [migrationLock]);
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
