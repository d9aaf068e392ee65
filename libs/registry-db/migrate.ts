import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { Client } from 'pg';
import { ConfigError } from '#libs/runtime';
import { connectionOptions } from './open-database.js';
import { type MigrationMark, type SchemaState, schemaState } from './schema-state.js';

/** Held while migrating, so that two processes that start together do not both do it. */
const migrationLock = 0x63697479;

/**
 * Brings the schema of the registry at `url` up to date; processes that do so at the same time take turns. Answers how it
 * was found. A registry that a newer version has brought further is left as it is.
 * @throws ConfigError where no released version made it: nothing is changed then.
 */
export async function migrateRegistry(url: string): Promise<SchemaState> {
  return withClient(url, async (client) => {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    const found = await stateOf(client);
    if (found.kind === 'behind') await migrate(drizzle(client), { migrationsFolder: migrationsFolder() });
    await client.query('select pg_advisory_unlock($1)', [migrationLock]);
    return found;
  });
}

/**
 * What the registry at `url` is to this version.
 * @throws ConfigError where no released version made it.
 */
export async function registryState(url: string): Promise<SchemaState> {
  return withClient(url, stateOf);
}

async function stateOf(client: Client): Promise<SchemaState> {
  const known = readMigrationFiles({ migrationsFolder: migrationsFolder() });
  const state = schemaState(
    await appliedMigrations(client),
    known.map(({ hash, folderMillis }) => ({ hash, at: folderMillis })),
  );
  if (state.kind === 'foreign') {
    throw new ConfigError(
      `The registry was made by a version between two releases: its migration ${state.index} is not this version's. Start the platform on another registry (move DATA_DIR/registry away, or name an empty database in REGISTRY_URL), or run the version that made this one. Nothing was changed.`,
    );
  }
  return state;
}

async function appliedMigrations(client: Client): Promise<MigrationMark[]> {
  const { rows: tables } = await client.query(`select to_regclass('drizzle.__drizzle_migrations') as there`);
  if (tables[0]?.there === null) return [];
  const { rows } = await client.query<MigrationMark>(
    'select hash, created_at::float8 as at from drizzle.__drizzle_migrations',
  );
  return rows;
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
