import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { BackupError } from './backup.errors.js';

/** What this release writes, and all that it reads. */
export const backupFormat = 1;
const fileName = 'manifest.json';

const manifestSchema = z.object({
  format: z.number().int(),
  /** RFC 3339, when it was begun: what was stored later may be missing. */
  createdAt: z.iso.datetime(),
  completedAt: z.iso.datetime(),
  /** What it was made from; any of them can take it. */
  engines: z.object({ registry: z.string(), telemetryStore: z.string(), stream: z.string() }),
  /** PLATFORM_TIME_ZONE: days are cut in it. */
  timeZone: z.string(),
  /** STREAM_PARTITIONS: places in the stream are named by them. */
  partitions: z.number().int().positive(),
  /** False where the stream was at work: what was under way in it, and what stages remembered, is not in the backup. */
  streamWhole: z.boolean(),
  /** Fingerprints of the master keys that secrets are sealed with, hex. */
  masterKeys: z.record(z.string(), z.string()),
  files: z.array(
    z.object({ name: z.string(), bytes: z.number(), sha256: z.string(), records: z.number(), rows: z.number() }),
  ),
});

/** What a backup says of itself. A folder without one is no backup: it is written last. */
export type Manifest = z.infer<typeof manifestSchema>;
export type BackedUpFile = Manifest['files'][number];

/** Writes the manifest, with a checksum of its own, so that it is there whole or not at all. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const text = JSON.stringify(manifest, null, 2);
  const draft = join(folder, `${fileName}.new`);
  await writeFile(draft, `${text}\n${checksumOf(text)}\n`, { mode: 0o600, flush: true });
  await rename(draft, join(folder, fileName));
}

/** Reads a manifest. Throws `BackupError` where there is none, it was changed, or this release cannot read the backup. */
export async function readManifest(folder: string): Promise<Manifest> {
  const written = await readFile(join(folder, fileName), 'utf8').catch((error: Error) => {
    throw new BackupError(
      'backup_not_found',
      `${folder} holds no complete backup (${error.message}): name the folder of one, the one that has ${fileName}.`,
    );
  });
  const [text = '', checksum] = written.split(/\n(?=[0-9a-f]{64}\n?$)/);
  if (checksum?.trim() !== checksumOf(text)) throw damaged(folder, `${fileName} was changed or cut off`);
  const manifest = JSON.parse(text) as { format?: unknown };
  if (manifest.format !== backupFormat) {
    throw new BackupError(
      'backup_format_unknown',
      `${folder} has format ${String(manifest.format)}; this release reads ${backupFormat}: restore it with the release that made it.`,
    );
  }
  return manifestSchema.parse(manifest);
}

/** Something in a backup is not what was written. */
export function damaged(folder: string, what: string): BackupError {
  return new BackupError('backup_damaged', `${folder} is damaged: ${what}. Use another backup; nothing was restored.`);
}

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
