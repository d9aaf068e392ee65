import { basename, join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { eq } from 'drizzle-orm';

import { AuditLog, SecretBox } from '#libs/access';
import { type CopiedRows, DATABASE, type Database, devicePresence, RegistryCopy } from '#libs/registry-db';
import { CLOCK, type Clock, type RuntimeConfig, runtimeConfig } from '#libs/runtime';
import { type LogRecord, STREAM, type StreamLog } from '#libs/stream';
import { decodePart, TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';
import { BackupError } from './backup.errors.js';
import type { Manifest } from './backup-manifest.js';
import type { Progress } from './backup-progress.js';
import { commandEntry } from './command-entry.js';
import { decodeLogRecord } from './log-records.js';
import { readRecords } from './record-file.js';

const registryFile = /^registry-(.+)\.gz$/;

/** What a restore came to. */
export interface FinishedRestore {
  from: string;
  createdAt: string;
  rows: number;
  readings: number;
  frames: number;
  streamWhole: boolean;
}

/**
 * Puts a backup that has been checked into an empty place, of whatever engines. First a mark in the registry, which keeps the
 * platform from starting; then the telemetry store, the stream, the registry's rows at once; the mark goes last. Where it is
 * interrupted, the mark stays, and the same command begins anew.
 */
@Injectable()
export class Restorer {
  constructor(
    @Inject(RegistryCopy) private readonly registry: RegistryCopy,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(SecretBox) private readonly secretBox: SecretBox,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(runtimeConfig.KEY) private readonly runtime: RuntimeConfig,
  ) {}

  /** Before any engine is opened: throws `BackupError` where the settings here are not those that the backup needs. */
  checkSettings({ partitions, timeZone, masterKeys }: Manifest): void {
    if (partitions !== this.stream.partitions) {
      throw new BackupError(
        'restore_settings_differ',
        `The backup has ${partitions} partitions, here there are ${this.stream.partitions}: set STREAM_PARTITIONS=${partitions}, for the restore and for every process from then on.`,
      );
    }
    if (timeZone !== this.runtime.timeZone) {
      throw new BackupError(
        'restore_settings_differ',
        `The backup cuts its days in ${timeZone}, here PLATFORM_TIME_ZONE is ${this.runtime.timeZone}: set it to ${timeZone}.`,
      );
    }
    this.checkMasterKey(masterKeys);
  }

  /** Restores `folder`. Throws `BackupError` where the place is not empty; then nothing was changed. */
  async restore(folder: string, manifest: Manifest, progress: Progress): Promise<FinishedRestore> {
    const interrupted = await this.registry.unfinishedRestore();
    if (interrupted === undefined) await this.checkEmpty();
    else progress.step(`the restore of ${interrupted} was not completed here: beginning anew`);
    await this.registry.restoring(folder);
    if (interrupted !== undefined) await this.store.clear();
    const { readings, frames } = await this.restoreTelemetry(join(folder, 'telemetry.gz'), progress);
    progress.step('stream');
    await this.stream.import(recordsOf(join(folder, 'stream.gz')));
    const rows = await this.restoreRegistry(folder, manifest, progress);
    if (!manifest.streamWhole) await this.forgetPresence();
    await this.audit.append(commandEntry('restore', basename(folder), this.clock));
    await this.registry.restored();
    return { from: folder, createdAt: manifest.createdAt, rows, readings, frames, streamWhole: manifest.streamWhole };
  }

  /** What is known of devices' silence was in the stream: a device is offline until it is heard, and never online by hearsay. */
  private async forgetPresence(): Promise<void> {
    const since = new Date(this.clock.now());
    const unheard = { online: false, since, cause: 'silence' };
    await this.database.update(devicePresence).set(unheard).where(eq(devicePresence.online, true));
  }

  private checkMasterKey(needed: Manifest['masterKeys']): void {
    const { file, exists } = this.secretBox;
    const names = Object.keys(needed).join(', ');
    if (!exists) {
      throw new BackupError(
        'restore_master_key',
        `The master key file ${file} is not there. It is not in the backup on purpose: put the one with the key ${names} there first, or point MASTER_KEY_FILE to it.`,
      );
    }
    this.secretBox.load();
    const own = this.secretBox.fingerprints();
    for (const [id, fingerprint] of Object.entries(needed)) {
      if (own.get(id)?.toString('hex') === fingerprint) continue;
      throw new BackupError(
        'restore_master_key',
        `The master key "${id}" in ${file} is not the one that the secrets in the backup are sealed with. Put the right file there, or point MASTER_KEY_FILE to it.`,
      );
    }
  }

  private async checkEmpty(): Promise<void> {
    const filled = await this.registry.filledTables();
    const positions = await this.store.positions();
    const part = positions.length > 0 ? undefined : await this.store.exportPart(true);
    const stored = positions.length > 0 || (part !== undefined && decodePart(part).rows.length > 0);
    const found = [
      ...(filled.length > 0 ? [`rows in the registry (${filled.slice(0, 3).join(', ')})`] : []),
      ...(stored ? ['readings in the telemetry store'] : []),
      ...((await this.streamIsUsed()) ? ['entries in the stream'] : []),
    ];
    if (found.length === 0) return;
    throw new BackupError(
      'restore_target_not_empty',
      `There are ${found.join(', ')} here already. Nothing was changed: restore into an empty place (another DATA_DIR, another REGISTRY_URL, INFLUX_DATABASE and STREAM_REDIS_PREFIX).`,
    );
  }

  private async streamIsUsed(): Promise<boolean> {
    for await (const record of this.stream.export()) {
      if (record.kind === 'place') return true;
      if (record.kind !== 'extent') return false;
    }
    return false;
  }

  private async restoreTelemetry(path: string, progress: Progress): Promise<{ readings: number; frames: number }> {
    progress.step('telemetry store');
    const rows = { readings: 0, frames: 0, rollups: 0, kept: 0, positions: 0 };
    for await (const part of readRecords(path)) {
      const { kind, rows: some } = decodePart(part);
      // A copy of its own: it changes hands, and what it was cut from holds the next one.
      await this.store.importPart(Uint8Array.from(part));
      rows[kind] += some.length;
      progress.done('readings, frames and roll-ups', rows.readings + rows.frames + rows.rollups);
    }
    progress.step(`telemetry store: ${rows.readings} readings, ${rows.frames} frames, ${rows.rollups} roll-ups`);
    return rows;
  }

  private async restoreRegistry(folder: string, manifest: Manifest, progress: Progress): Promise<number> {
    progress.step('registry');
    let count = 0;
    async function* copied(): AsyncIterable<CopiedRows> {
      for (const { name } of manifest.files) {
        const table = registryFile.exec(name)?.[1];
        if (table === undefined) continue;
        for await (const record of readRecords(join(folder, name))) {
          const rows = record.toString().slice(1, -1).split(',\n');
          count += rows.length;
          progress.done('rows', count);
          yield { table, rows };
        }
      }
    }
    await this.registry.import(copied());
    progress.step(`registry: ${count} rows`);
    return count;
  }
}

async function* recordsOf(path: string): AsyncIterable<LogRecord> {
  for await (const record of readRecords(path)) yield decodeLogRecord(record);
}
