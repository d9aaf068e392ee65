import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '#libs/access';
import { DATABASE, type Database, masterKeys, RegistryCopy } from '#libs/registry-db';
import { CLOCK, type Clock, type RuntimeConfig, runtimeConfig } from '#libs/runtime';
import { STREAM, type StreamLog } from '#libs/stream';
import { decodePart, TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';
import { BackupError } from './backup.errors.js';
import { type BackedUpFile, backupFormat, type Manifest, writeManifest } from './backup-manifest.js';
import type { Progress } from './backup-progress.js';
import { commandEntry } from './command-entry.js';
import { ENGINES, type Engines } from './engines.js';
import { encodeLogRecord } from './log-records.js';
import { RecordWriter } from './record-file.js';

const namePattern = /^citysense-\d{8}T\d{6}Z$/;
const unfinished = '.partial';

/** What a backup came to. */
export interface FinishedBackup {
  folder: string;
  manifest: Manifest;
  /** Older backups that were removed. */
  removed: string[];
}

/**
 * Makes a backup: a folder of compressed files with checksums. First the registry, as it is at one moment; then the telemetry
 * store; last the stream, so that it ends behind all that the others have of it.
 */
@Injectable()
export class BackupWriter {
  constructor(
    @Inject(RegistryCopy) private readonly registry: RegistryCopy,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(runtimeConfig.KEY) private readonly runtime: RuntimeConfig,
    @Inject(ENGINES) private readonly engines: Engines,
  ) {}

  /** Makes a backup in a folder of its own in `parent`, and then removes all but the newest `keep` (0: none). */
  async write(parent: string, keep: number, progress: Progress): Promise<FinishedBackup> {
    const createdAt = new Date(this.clock.now()).toISOString();
    const name = `citysense-${createdAt.replace(/[-:]|\.\d+/g, '')}`;
    const folder = join(resolve(parent), name);
    const draft = `${folder}${unfinished}`;
    await this.checkSource();
    await this.prepare(resolve(parent), draft);
    await this.audit.append(commandEntry('backup', name, this.clock));
    const fingerprints = await this.database.select().from(masterKeys);
    const registry = await this.writeRegistry(draft, progress);
    const telemetry = await this.writeTelemetry(draft, progress);
    const stream = await this.writeStream(draft, progress);
    const manifest: Manifest = {
      format: backupFormat,
      createdAt,
      completedAt: new Date(this.clock.now()).toISOString(),
      engines: this.engines,
      timeZone: this.runtime.timeZone,
      partitions: this.stream.partitions,
      streamWhole: stream.whole,
      masterKeys: Object.fromEntries(fingerprints.map((key) => [key.id, key.fingerprint.toString('hex')])),
      files: [...registry, telemetry, stream.file],
    };
    await writeManifest(draft, manifest);
    await rename(draft, folder);
    await syncFolder(resolve(parent));
    return { folder, manifest, removed: keep > 0 ? await this.removeOlder(resolve(parent), keep) : [] };
  }

  private async checkSource(): Promise<void> {
    const source = await this.registry.unfinishedRestore();
    if (source !== undefined) {
      throw new BackupError(
        'backup_source_missing',
        `A restore of ${source} was not completed here: complete it before you back it up.`,
      );
    }
    if ((await this.registry.filledTables()).length > 0) return;
    throw new BackupError(
      'backup_source_missing',
      'The registry is empty: there is nothing to back up. Check DATA_DIR, REGISTRY_KIND and REGISTRY_URL.',
    );
  }

  /** What an interrupted backup has left goes. */
  private async prepare(parent: string, draft: string): Promise<void> {
    await mkdir(parent, { recursive: true, mode: 0o700 });
    for (const left of await readdir(parent)) {
      if (left.endsWith(unfinished) && namePattern.test(left.slice(0, -unfinished.length))) {
        await rm(join(parent, left), { recursive: true, force: true });
      }
    }
    await mkdir(draft, { mode: 0o700 });
  }

  private async writeRegistry(folder: string, progress: Progress): Promise<BackedUpFile[]> {
    progress.step('registry');
    const files: BackedUpFile[] = [];
    let current: { table: string; writer: RecordWriter } | undefined;
    let count = 0;
    await this.registry.export(async ({ table, rows }) => {
      if (current?.table !== table) {
        if (current) files.push(await current.writer.close());
        const name = `registry-${table}.gz`;
        current = { table, writer: new RecordWriter(join(folder, name), name) };
      }
      if (rows.length === 0) return;
      await current.writer.write(Buffer.from(`[${rows.join(',\n')}]`), rows.length);
      count += rows.length;
      progress.done('rows', count);
    });
    if (current) files.push(await (current as { writer: RecordWriter }).writer.close());
    progress.step(`registry: ${count} rows in ${files.length} tables`);
    return files;
  }

  private async writeTelemetry(folder: string, progress: Progress): Promise<BackedUpFile> {
    progress.step('telemetry store');
    const name = 'telemetry.gz';
    const writer = new RecordWriter(join(folder, name), name);
    let rows = 0;
    for (let part = await this.store.exportPart(true); part; part = await this.store.exportPart(false)) {
      const decoded = decodePart(part);
      rows += decoded.rows.length;
      await writer.write(part, decoded.rows.length);
      progress.done('readings, frames and roll-ups', rows);
    }
    progress.step(`telemetry store: ${rows} readings, frames, roll-ups and positions`);
    return writer.close();
  }

  private async writeStream(folder: string, progress: Progress): Promise<{ file: BackedUpFile; whole: boolean }> {
    progress.step('stream');
    const name = 'stream.gz';
    const writer = new RecordWriter(join(folder, name), name);
    let records = 0;
    let whole = true;
    for await (const record of this.stream.export()) {
      records += 1;
      if (record.kind === 'extent') whole = record.whole;
      await writer.write(encodeLogRecord(record));
      progress.done('records', records);
    }
    progress.step(`stream: ${records} records${whole ? '' : ' (others are at work on it: only where it ends)'}`);
    return { file: await writer.close(), whole };
  }

  private async removeOlder(parent: string, keep: number): Promise<string[]> {
    const older = (await readdir(parent))
      .filter((name) => namePattern.test(name))
      .sort()
      .slice(0, -keep);
    for (const name of older) await rm(join(parent, name), { recursive: true, force: true });
    return older;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().catch(() => undefined);
  await folder.close();
}
