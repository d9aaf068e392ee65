import { createHash, randomBytes } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { type ServerProcess, startServer } from '#libs/runtime/testing';
import type { Database } from '../database.js';
import { startEmbeddedRegistry } from '../embedded/start-embedded.js';
import { migrateRegistry, migrationsFolder } from '../migrate.js';
import { openDatabase } from '../open-database.js';

/** What a test's registry runs on. */
export type RegistryEngine = 'embedded' | 'postgresql';

/** A registry of its own for one test file: the real engine, migrated, empty. */
export interface TestRegistry {
  database: Database;
  /** For REGISTRY_URL, with REGISTRY_KIND=postgresql. */
  url: string;
  /** A server's, where it is ours to end, freeze and start again. */
  server: ServerProcess | undefined;
  stop(): Promise<void>;
}

/** A test's registry on the embedded engine. */
export interface EmbeddedTestRegistry extends TestRegistry {
  /** The folder it lives in, as DATA_DIR/registry would be. */
  directory: string;
  syncs(): number;
}

/** Connections of the pool that a test is given. */
const poolSizes = { embedded: 3, postgresql: 10 } as const;

/**
 * Opens a migrated, empty registry on the engine; by default on the one that TEST_REGISTRY names, else the embedded one: so
 * every test runs on a server too.
 */
export async function openTestRegistry(engine = engineByDefault()): Promise<TestRegistry> {
  return engine === 'embedded' ? await openEmbeddedTestRegistry() : await openServerTestRegistry();
}

/**
 * Opens a registry in a temporary folder. The engine's first start takes seconds: it is done once per set of
 * migrations, and the folder it leaves is copied for each test.
 */
export async function openEmbeddedTestRegistry(): Promise<EmbeddedTestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'citysense-test-registry-'));
  await copyTestRegistry(directory);
  const running = await startEmbeddedRegistry(directory);
  const { pool, database } = openDatabase(running.url, poolSizes.embedded);
  return {
    database,
    url: running.url,
    server: undefined,
    directory,
    syncs: running.syncs,
    stop: async () => {
      await pool.end();
      await running.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Opens a registry on a PostgreSQL server. */
async function openServerTestRegistry(): Promise<TestRegistry> {
  const { url, server, stop } = await startTestDatabase();
  try {
    await migrateRegistry(url);
  } catch (error) {
    await stop();
    throw error;
  }
  const { pool, database } = openDatabase(url, poolSizes.postgresql);
  // A test may end the server under its connections.
  pool.on('error', () => undefined);
  return {
    database,
    url,
    server,
    stop: async () => {
      await pool.end();
      await stop();
    },
  };
}

/** An empty database on the PostgreSQL server given, else on a server of its own. */
export async function startTestDatabase(): Promise<Omit<TestRegistry, 'database'>> {
  const server = await startServer('postgresql');
  const name = `citysense_test_${randomBytes(6).toString('hex')}`;
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const administer = async (statement: string) => {
    const client = new Client({ connectionString: server.url });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  try {
    await administer(`create database ${name}`);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: url.href,
    server: server.process,
    stop: async () => {
      if (!server.process) await administer(`drop database ${name} with (force)`);
      await server.stop();
    },
  };
}

function engineByDefault(): RegistryEngine {
  return process.env.TEST_REGISTRY === 'postgresql' ? 'postgresql' : 'embedded';
}

/** Puts a migrated, empty registry into a folder, such as DATA_DIR/registry, so that what opens it starts fast. */
export async function copyTestRegistry(directory: string): Promise<void> {
  await cp(await preparedTemplate(), directory, { recursive: true, mode: constants.COPYFILE_FICLONE });
}

/** The folder of a migrated, empty registry, made on first use; several test processes may race to make it. */
async function preparedTemplate(): Promise<string> {
  const template = join(tmpdir(), `citysense-registry-template-${await fingerprint()}`);
  if (existsSync(template)) return template;
  const draft = await mkdtemp(join(tmpdir(), 'citysense-registry-draft-'));
  const running = await startEmbeddedRegistry(draft);
  await migrateRegistry(running.url);
  await running.stop();
  await rename(draft, template).catch(() => rm(draft, { recursive: true, force: true }));
  return template;
}

/** Changes with the migrations and with the engine's version. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const folder = migrationsFolder();
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()) {
    hash.update(name).update(await readFile(join(folder, name)));
  }
  const engine = dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite'));
  hash.update(await readFile(join(engine, '..', 'package.json')));
  return hash.digest('hex').slice(0, 16);
}
