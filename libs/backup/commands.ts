import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { INestApplicationContext } from '@nestjs/common';
import {
  CLOCK,
  type Clock,
  ConfigError,
  type Environment,
  LIFECYCLE,
  type Lifecycle,
  printSettings,
  readConfig,
  runtimeConfig,
  systemClock,
} from '#libs/runtime';
import { BackupError } from './backup.errors.js';
import { checkBackup } from './backup-check.js';
import { Progress } from './backup-progress.js';
import { BackupWriter } from './backup-writer.js';
import { enginesOf } from './engines.js';
import { Restorer } from './restorer.js';

/** A server that is not there by then is not waited for: somebody stands by. */
const startTimeoutMs = 120_000;

const backupUsage = `backup --to FOLDER [--keep N] [--json]
  Makes a backup of the registry, the telemetry store and the stream that the settings name, in a folder of its own in FOLDER,
  and then removes all but the newest N there. Of an all-in-one on embedded engines: while it is stopped.
backup --verify BACKUP [--json]
  Reads a backup and compares all of it with the checksums written. Opens no engine.
`;
const restoreUsage = `restore --from BACKUP [--json]
  Checks a backup, and puts it into the empty place that the settings name, on whatever engines. The master key file has to be
  there (MASTER_KEY_FILE). Interrupted, it is run again.
`;

/** What a command needs of its app. */
export interface CommandApp {
  environment: Environment;
  arguments: readonly string[];
  /** Builds the app; nothing of it runs yet. */
  open: () => Promise<INestApplicationContext>;
}

/** `backup`: makes one, or verifies one. Ends the process: 0 when done, 1 with the reason on standard error. */
export function runBackupCommand(app: CommandApp): Promise<void> {
  return run('backup', backupUsage, app, async (values, progress) => {
    if (values.verify !== undefined) {
      const { files: _, ...manifest } = await checkBackup(resolve(values.verify), progress);
      return { verified: resolve(values.verify), ...manifest };
    }
    if (values.to === undefined) throw new BackupError('backup_usage', `Say where to: --to FOLDER.\n${backupUsage}`);
    const to = values.to;
    const keep = Number(values.keep ?? 0);
    if (!Number.isInteger(keep) || keep < 0) {
      throw new BackupError(
        'backup_usage',
        `--keep is "${values.keep}": give the number of backups to keep, 0 for all.`,
      );
    }
    checkSourceFolders(app.environment);
    return withEngines(await app.open(), async (context) => {
      const { folder, manifest, removed } = await context
        .get(BackupWriter, { strict: false })
        .write(to, keep, progress);
      const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
      progress.step(`${folder}: ${bytes} bytes${removed.length > 0 ? `; removed ${removed.join(', ')}` : ''}`);
      return { folder, bytes, removed, streamWhole: manifest.streamWhole, createdAt: manifest.createdAt };
    });
  });
}

/** `restore`. Ends the process as `backup` does. */
export function runRestoreCommand(app: CommandApp): Promise<void> {
  return run('restore', restoreUsage, app, async (values, progress) => {
    if (values.from === undefined) throw new BackupError('backup_usage', `Say what: --from BACKUP.\n${restoreUsage}`);
    const folder = resolve(values.from);
    const manifest = await checkBackup(folder, progress);
    const context = await app.open();
    const restorer = context.get(Restorer, { strict: false });
    restorer.checkSettings(manifest);
    return withEngines(context, async () => {
      const restored = await restorer.restore(folder, manifest, progress);
      progress.step(`restored the backup of ${restored.createdAt}`);
      return restored;
    });
  });
}

type Values = Partial<Record<'to' | 'from' | 'verify' | 'keep', string>>;

async function run(
  name: string,
  usage: string,
  app: CommandApp,
  command: (values: Values, progress: Progress) => Promise<object>,
): Promise<void> {
  try {
    const text = { type: 'string' } as const;
    const options = {
      to: text,
      from: text,
      verify: text,
      keep: text,
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    } as const;
    const { values } = parseArgs({ args: [...app.arguments], options });
    if (values.help) {
      process.stdout.write(`${usage}\n`);
      return printSettings(name);
    }
    const progress = new Progress(systemClock, (line) => process.stdout.write(`${line}\n`));
    const result = await command(values, progress);
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exit(0);
  } catch (error) {
    const known = error instanceof ConfigError || typeof (error as { code?: unknown }).code === 'string';
    process.stderr.write(`${name}: ${known ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
    process.exit(1);
  }
}

/** Opens the engines, and closes them again whatever happens. */
async function withEngines<T>(
  context: INestApplicationContext,
  work: (context: INestApplicationContext) => Promise<T>,
): Promise<T> {
  const lifecycle = context.get<Lifecycle>(LIFECYCLE);
  const clock = context.get<Clock>(CLOCK);
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(startTimeoutMs, () => {
      reject(
        new ConfigError(
          `${lifecycle.problem ?? 'the engines do not open'}, for ${startTimeoutMs / 1_000} s: see that every engine runs.`,
        ),
      );
    });
  });
  try {
    await Promise.race([lifecycle.start(), late]);
    cancel();
    return await work(context);
  } finally {
    cancel();
    await lifecycle.stop();
  }
}

/** An embedded engine makes its folder where there is none: a wrong DATA_DIR must not become an empty backup. */
function checkSourceFolders(environment: Environment): void {
  const { registry, telemetryStore, stream } = enginesOf(environment);
  const dataDir = resolve(readConfig(runtimeConfig, environment).dataDir);
  const folders = [
    ...(registry === 'embedded' ? ['registry'] : []),
    ...(telemetryStore === 'duckdb' ? ['telemetry'] : []),
    ...(stream === 'lmdb' ? ['stream'] : []),
  ];
  const missing = folders.filter((folder) => !existsSync(join(dataDir, folder)));
  if (missing.length === 0) return;
  throw new BackupError(
    'backup_source_missing',
    `${dataDir} has no ${missing.join(', ')}: there is nothing to back up. Set DATA_DIR to the platform's data folder.`,
  );
}
