import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Database } from '../database.js';
import { startEmbeddedRegistry } from '../embedded/start-embedded.js';
import { migrateRegistry, migrationsFolder } from '../migrate.js';
import { openDatabase } from '../open-database.js';

/** A registry of its own for one test file: the real engine, migrated, empty. */
export interface TestRegistry {
  database: Database;
  /** For REGISTRY_URL, with REGISTRY_KIND=postgresql. */
  url: string;
  /** The folder it lives in, as DATA_DIR/registry would be. */
  directory: string;
  syncs(): number;
  stop(): Promise<void>;
}

/**
 * Opens a registry in a temporary folder. The engine's first start takes seconds: it is done once per set of
 * migrations, and the folder it leaves is copied for each test.
 */
export async function openTestRegistry(): Promise<TestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'citysense-test-registry-'));
  await copyTestRegistry(directory);
  const running = await startEmbeddedRegistry(directory);
  const { pool, database } = openDatabase(running.url, 3);
  return {
    database,
    url: running.url,
    directory,
    syncs: running.syncs,
    stop: async () => {
      await pool.end();
      await running.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
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
