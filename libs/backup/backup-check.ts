import { basename, join } from 'node:path';
import { type BackedUpFile, damaged, type Manifest, readManifest } from './backup-manifest.js';
import type { Progress } from './backup-progress.js';
import { digestOf, readRecords } from './record-file.js';

/** Reads all of a backup and compares it with its manifest. Throws `BackupError` that names what is not as it was written. */
export async function checkBackup(folder: string, progress: Progress): Promise<Manifest> {
  const manifest = await readManifest(folder);
  progress.step(`checking ${manifest.files.length} files`);
  for (const file of manifest.files) await checkFile(folder, file, progress);
  progress.step(`${basename(folder)} of ${manifest.createdAt} is whole`);
  return manifest;
}

async function checkFile(folder: string, file: BackedUpFile, progress: Progress): Promise<void> {
  const { name, bytes, sha256 } = file;
  if (basename(name) !== name) throw damaged(folder, `its manifest names ${name}, which lies elsewhere`);
  const found = await digestOf(join(folder, name)).catch((error: Error) => {
    throw damaged(folder, `${name} cannot be read (${error.message})`);
  });
  if (found.bytes !== bytes) throw damaged(folder, `${name} has ${found.bytes} bytes, ${bytes} were written`);
  if (found.sha256 !== sha256) throw damaged(folder, `${name} does not have the checksum that was written`);
  let records = 0;
  try {
    for await (const _ of readRecords(join(folder, name))) {
      records += 1;
      progress.done(`records of ${name}`, records);
    }
  } catch (error) {
    throw damaged(folder, `${name} cannot be unpacked (${(error as Error).message})`);
  }
  if (records !== file.records) throw damaged(folder, `${name} has ${records} records, ${file.records} were written`);
}
