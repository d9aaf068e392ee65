import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { Packr } from 'msgpackr';

/** What a release answered before it was killed, and what it had promised by then. */
export interface Recorded {
  /** The metric whose values are counted. */
  metric: string;
  secrets: Record<string, string>;
  /** By path of the REST API. */
  answers: Record<string, unknown>;
  /** By device, the values of messages that were acknowledged to it. */
  acknowledged: Record<string, number[]>;
  /** By device, the values under way when it was killed: kept or not, as it came. */
  underWay: Record<string, number[]>;
  endpoint: { id: string; secret: string };
}

/** A DATA_DIR with its master key, and what was recorded of it. */
interface Packed {
  recorded: Recorded;
  directories: string[];
  files: Record<string, Uint8Array>;
  key: Uint8Array;
}

/** The system tables of the registry's databases lie megabytes apart and are the same: a window that sees them all. */
const windowBits = 26;
/** Of no use to another process: where the killed one listened, and LMDB's table of readers. */
const leftOut = ['listening.json', 'stream/lock.mdb'];
const packr = new Packr({ useRecords: false });

/** Packs the folder, and the key beside it, into one small file. */
export async function packDataDir(dataDir: string, recorded: Recorded, file: string): Promise<void> {
  const packed: Packed = { recorded, directories: [], files: {}, key: await readFile(`${dataDir}.key`) };
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const named = entries.map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }));
  for (const { entry, path } of named.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const name = path.slice(dataDir.length + 1);
    if (entry.isDirectory()) packed.directories.push(name);
    if (entry.isFile() && !leftOut.includes(name)) packed.files[name] = await readFile(path);
  }
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LARGE_WINDOW]: 1,
    [constants.BROTLI_PARAM_LGWIN]: windowBits,
  };
  await writeFile(file, await promisify(brotliCompress)(packr.pack(packed), { params }));
}

/** Lays a packed DATA_DIR out in a folder that does not exist yet, its key beside it; returns what was recorded. */
export async function unpackDataDir(file: string, dataDir: string): Promise<Recorded> {
  const params = { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 1 };
  const { recorded, directories, files, key } = packr.unpack(
    await promisify(brotliDecompress)(await readFile(file), { params }),
  ) as Packed;
  await mkdir(dataDir, { mode: 0o700 });
  for (const name of directories) await mkdir(join(dataDir, name));
  for (const [name, content] of Object.entries(files)) await writeFile(join(dataDir, name), content);
  // PostgreSQL insists.
  await chmod(join(dataDir, 'registry', 'data'), 0o700);
  await writeFile(`${dataDir}.key`, key, { mode: 0o600 });
  return recorded;
}
