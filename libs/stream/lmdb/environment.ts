import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { type Lane, lanes } from '#libs/contracts';
import { StreamCorruptError, StreamOpenError } from '../stream.errors.js';
import { checkDataFile } from './data-file.js';
import { firstFormat } from './first-format.js';
import { FormatUpgrade } from './format-upgrade.js';
import { entryKey, entryKeyEnd, laneKey } from './keys.js';
import { LaneTable } from './lane-table.js';
import { ProcessLock } from './process-lock.js';
import { protect, readEntry, unprotect } from './stored-value.js';

/** Address space, not disk: the file grows with what it holds, and LMDB maps beyond this where it must. */
const mapBytes = 256 * 2 ** 30;
const formatVersion = 2;
const formatKey = Buffer.from('format');
/** How many of the newest entries of each partition are read at start. */
const newestChecked = 8;

/** A database of binary keys and values. */
export type Table = Database<Buffer, Buffer>;

/** The open LMDB environment of one thread, shared underneath by all threads of the process. */
export interface Environment {
  root: RootDatabase<Buffer, Buffer>;
  /** `<stream, lane, partition, position>` -> entry */
  entries: Table;
  /** `<stream, lane>` -> LaneTable */
  laneTables: Table;
  /** `<stream, lane>` -> LaneTable: position and bytes trimmed since ever */
  trimmed: Table;
  /** `<stream, group>` -> when it was registered */
  groups: Table;
  /** `<stream, group, lane, partition>` -> position, and the messages given up on since ever */
  acknowledgements: Table;
  /** `<group, partition, key>` -> state */
  state: Table;
  lock: ProcessLock;
}

/**
 * Opens, or makes, the environment in the folder `path`; one of an older format is brought to ours first. Refuses with an
 * error that says what to do: another process in the folder, a damaged or truncated file, a format of a newer release,
 * another number of partitions. `say` is told of an upgrade.
 */
export async function openEnvironment(
  path: string,
  partitions: number,
  now: number,
  say: (message: string) => void = () => undefined,
): Promise<Environment> {
  mkdirSync(path, { recursive: true });
  const lock = await ProcessLock.acquire(join(path, 'process.lock'));
  let root: RootDatabase<Buffer, Buffer> | undefined;
  try {
    const marker = join(path, 'format.json');
    if (lock.owned && !checkDataFile(join(path, 'data.mdb')) && existsSync(marker)) {
      throw new StreamCorruptError(
        `${path} was in use before, but its data.mdb is gone or empty: restore a backup into an empty DATA_DIR (main.js restore --from BACKUP)`,
      );
    }
    root = openRoot(path);
    const tables = openTables(root);
    const format = readFormat(tables.format, existsSync(marker) ? undefined : { partitions, now });
    checkFormat(format, path, partitions);
    const environment = { ...tables, root, lock };
    if (isOlder(format)) await bringUp(environment, tables.format, format, path, say);
    if (lock.owned) {
      if (markedFormat(marker) !== formatVersion) writeMarker(marker, { format: formatVersion, partitions });
      checkNewest(environment, partitions);
    }
    return environment;
  } catch (error) {
    await root?.close();
    lock.release();
    throw asOpenError(error, path);
  }
}

/** The record of a lane as it is now; an empty one where nothing was ever appended. */
export function readLaneTable(table: Table, stream: string, lane: Lane, partitions: number): LaneTable {
  const stored = table.get(laneKey(stream, lane));
  return stored ? LaneTable.decode(stored, `${stream}/${lane}`) : LaneTable.empty(partitions);
}

/**
 * Bytes of the file that LMDB writes again before it lets the file grow: it tells which pages each table has, not which
 * none has any more.
 */
export function reusableBytes(environment: Environment): number {
  const { root, entries, laneTables, trimmed, groups, acknowledgements, state } = environment;
  root.resetReadTxn();
  const whole = root.getStats() as FileStats;
  const tables = [entries, laneTables, trimmed, groups, acknowledgements, state];
  const parts = [whole.root, whole.free, ...tables.map((table) => table.getStats() as TreeStats)];
  const used = parts.reduce((sum, part) => sum + pagesOf(part), metaPages);
  return Math.max(0, whole.lastPageNumber + 1 - used) * whole.pageSize;
}

/** Names of the streams that anything was ever appended to. */
export function streamsOf(environment: Environment): string[] {
  const names = new Set<string>();
  for (const key of environment.laneTables.getKeys()) names.add(key.subarray(0, key.indexOf(0)).toString('latin1'));
  return [...names];
}

/** Opens the files as they are, whatever their format. */
export function openRoot(path: string): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    path,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    // A write resolves after its fsync, and not before.
    overlappingSync: false,
    // The committer groups writes itself, so that a group starts when the one before has ended.
    eventTurnBatching: false,
    maxDbs: 16,
    mapSize: mapBytes,
  });
}

/** The tables of an environment, its format record among them. */
export function openTables(root: RootDatabase<Buffer, Buffer>) {
  const table = (name: string): Table =>
    root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
  return {
    format: table('format'),
    entries: table('entries'),
    laneTables: table('lane-tables'),
    trimmed: table('trimmed'),
    groups: table('groups'),
    acknowledgements: table('acknowledgements'),
    state: table('state'),
  };
}

const metaPages = 2;

/** How many pages a tree has, as lmdb-js tells and does not say in its types. */
interface TreeStats {
  pageSize: number;
  treeBranchPageCount: number;
  treeLeafPageCount: number;
  overflowPages: number;
}

interface FileStats extends TreeStats {
  lastPageNumber: number;
  root: TreeStats;
  /** The tree that names the free pages; how many it names is not told. */
  free: TreeStats;
}

function pagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: TreeStats): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}

interface Format {
  format: number;
  partitions: number;
  /** Its entries are being rewritten: those up to this key (hexadecimal) are. */
  upgradedUpTo?: string | undefined;
}

function isOlder({ format, upgradedUpTo }: Format): boolean {
  return format === firstFormat || upgradedUpTo !== undefined;
}

/** Upgrades the environment where it lies, or goes on with it. */
async function bringUp(
  environment: Environment,
  table: Table,
  found: Format,
  path: string,
  say: (message: string) => void,
): Promise<void> {
  if (!environment.lock.owned) {
    throw new StreamOpenError(`${path} is being brought to format ${formatVersion} by another thread: start again`);
  }
  say(`bringing ${path} from format ${firstFormat} to ${formatVersion}; a kill does no harm, it goes on after it`);
  const keep = (done: Buffer | undefined) => {
    const record: Format = { ...found, format: formatVersion, upgradedUpTo: done?.toString('hex') };
    void table.put(formatKey, protect(Buffer.from(JSON.stringify(record))));
  };
  const transact = (work: () => void) => environment.root.childTransaction(work);
  const upgrade = new FormatUpgrade(environment, found.partitions, transact, keep);
  const entries = await upgrade.run(Buffer.from(found.upgradedUpTo ?? '', 'hex'));
  environment.root.resetReadTxn();
  say(`${path} has format ${formatVersion}: ${entries} entries`);
}

/** The format record; written first where `make` says the environment is new. */
function readFormat(table: Table, make: { partitions: number; now: number } | undefined): Format {
  if (make && !table.get(formatKey)) {
    const record = { format: formatVersion, partitions: make.partitions, createdAt: make.now };
    table.putSync(formatKey, protect(Buffer.from(JSON.stringify(record))), { noOverwrite: true });
  }
  const stored = table.get(formatKey);
  if (!stored)
    throw new StreamCorruptError(
      'the stream has lost its format record: restore a backup into an empty DATA_DIR (main.js restore --from BACKUP)',
    );
  return JSON.parse(unprotect(stored, () => 'format').toString()) as Format;
}

function checkFormat(found: Format, path: string, partitions: number): void {
  if (found.format !== formatVersion && found.format !== firstFormat) {
    throw new StreamOpenError(
      `${path} has format ${found.format}; this release reads ${firstFormat} to ${formatVersion}: start the release that wrote it or a newer one, or restore a backup made before the upgrade`,
    );
  }
  if (found.partitions !== partitions) {
    throw new StreamOpenError(
      `STREAM_PARTITIONS is ${partitions}, but ${path} was made with ${found.partitions}: set it back; the number is fixed at first start, it decides which partition a device is in`,
    );
  }
}

/** A file beside the environment says that there is one, so that a lost environment is not taken for a first start. */
function writeMarker(path: string, format: Format): void {
  const file = openSync(`${path}.new`, 'w');
  try {
    writeSync(file, `${JSON.stringify(format)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
}

/** The format that the marker names, undefined where there is none that can be read. */
function markedFormat(path: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as Partial<Format>).format;
  } catch {
    return undefined;
  }
}

/** Reads the newest entries of every partition: the ones that a bad end would have damaged. */
function checkNewest(environment: Environment, partitions: number): void {
  for (const stream of streamsOf(environment)) {
    for (const lane of lanes) {
      const table = readLaneTable(environment.laneTables, stream, lane, partitions);
      const trimmed = readLaneTable(environment.trimmed, stream, lane, partitions);
      for (let partition = 0; partition < partitions; partition++) {
        const last = table.last(partition);
        const first = Math.max(trimmed.last(partition) + 1, last - newestChecked + 1);
        let found = 0;
        const range = { start: entryKey(stream, lane, partition, first), end: entryKeyEnd(stream, lane, partition) };
        for (const { value } of environment.entries.getRange(range)) {
          readEntry(value, () => `${stream}/${lane}/${partition} near ${last}`);
          found++;
        }
        if (found !== last - first + 1) {
          throw new StreamCorruptError(
            `${stream}/${lane}/${partition} has lost entries: ${found} of ${last - first + 1} before ${last}: restore a backup into an empty DATA_DIR (main.js restore --from BACKUP)`,
          );
        }
      }
    }
  }
}

function asOpenError(error: unknown, path: string): Error {
  if (error instanceof StreamOpenError || error instanceof StreamCorruptError) return error;
  const { code, message } = error as { code?: unknown; message: string };
  if (typeof code === 'number' && code <= -30_000) {
    return new StreamCorruptError(
      `${path} does not open (LMDB ${code}: ${message}): restore a backup into an empty DATA_DIR (main.js restore --from BACKUP)`,
    );
  }
  return error as Error;
}
