import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { StreamCorruptError } from '../stream.errors.js';

const magic = 0xbeefc0de;
/** Layouts from mdb.c of the LMDB that lmdb-js ships: MDB_page_header, MDB_meta, MDB_db, MDB_node, MDB_ovpage. */
const pageHeaderBytes = 24;
const meta = {
  magic: 0,
  pageBytes: 24,
  freeRoot: 24 + 40,
  mainRoot: 72 + 40,
  lastPage: 120,
  transaction: 128,
  bytes: 136,
};
const pageFlags = { branch: 0x01, leaf: 0x02 };
const nodeFlags = { bigData: 0x01, subDatabase: 0x02 };
const subDatabaseRoot = 40;
const noPage = 0xffff_ffff_ffff_ffffn;

interface Meta {
  pageBytes: number;
  lastPage: number;
  transaction: bigint;
  roots: bigint[];
}

/**
 * Looks at the data file before LMDB maps it: reading a page that is not there would kill the process (SIGBUS). LMDB may
 * leave the file shorter than its last page where the pages at the end are free, so a short file is walked page by page.
 * Returns false where there is no file yet. Throws `StreamCorruptError` where a page in use is missing.
 */
export function checkDataFile(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    if (size === 0) return false;
    const newest = newestMeta(file, path);
    if (size < (newest.lastPage + 1) * newest.pageBytes) walk(file, size, newest, path);
    return true;
  } finally {
    closeSync(file);
  }
}

function newestMeta(file: number, path: string): Meta {
  const first = readMeta(file, 0);
  const second = first && readMeta(file, first.pageBytes);
  if (!first || !second) {
    throw new StreamCorruptError(
      `${path} is cut off or damaged in its first two pages: restore a backup into an empty DATA_DIR (main.js restore --from BACKUP)`,
    );
  }
  return second.transaction > first.transaction ? second : first;
}

function readMeta(file: number, offset: number): Meta | undefined {
  const page = Buffer.alloc(pageHeaderBytes + meta.bytes);
  if (readSync(file, page, 0, page.length, offset) < page.length) return undefined;
  const fields = page.subarray(pageHeaderBytes);
  const pageBytes = fields.readUInt32LE(meta.pageBytes);
  if (fields.readUInt32LE(meta.magic) !== magic || pageBytes < 512 || pageBytes > 65_536) return undefined;
  return {
    pageBytes,
    lastPage: Number(fields.readBigUInt64LE(meta.lastPage)),
    transaction: fields.readBigUInt64LE(meta.transaction),
    roots: [fields.readBigUInt64LE(meta.freeRoot), fields.readBigUInt64LE(meta.mainRoot)],
  };
}

/** Visits every page in use, from the roots down. */
function walk(file: number, size: number, from: Meta, path: string): void {
  const { pageBytes } = from;
  const pending = [...from.roots];
  const damaged = (page: number | bigint) =>
    new StreamCorruptError(
      `${path} is cut off or damaged: page ${page} is missing in ${size} bytes: restore a backup into an empty DATA_DIR (main.js restore --from BACKUP)`,
    );
  const mustReach = (page: number, pages: number) => {
    if ((page + pages) * pageBytes > size) throw damaged(page);
  };
  const page = Buffer.alloc(pageBytes);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next === noPage) continue;
    const number = Number(next);
    mustReach(number, 1);
    readSync(file, page, 0, pageBytes, number * pageBytes);
    if (page.readBigUInt64LE(0) !== next) throw damaged(next);
    for (const node of nodesOf(page)) {
      if (node.kind === 'child') pending.push(node.page);
      else mustReach(Number(node.page), node.pages);
    }
  }
}

type PageUse = { kind: 'child'; page: bigint } | { kind: 'overflow'; page: bigint; pages: number };

/** The pages that a branch or leaf page refers to. */
function nodesOf(page: Buffer): PageUse[] {
  const flags = page.readUInt16LE(18);
  const count = page.readUInt16LE(20) >> 1;
  const uses: PageUse[] = [];
  for (let index = 0; index < count; index++) {
    const node = pageHeaderBytes + page.readUInt16LE(pageHeaderBytes + index * 2);
    const bits = page.readUInt16LE(node + 4);
    const data = node + 8 + page.readUInt16LE(node + 6);
    if (flags & pageFlags.branch) {
      uses.push({ kind: 'child', page: BigInt(page.readUInt32LE(node)) + (BigInt(bits) << 32n) });
    } else if (flags & pageFlags.leaf && bits & nodeFlags.bigData) {
      uses.push({ kind: 'overflow', page: page.readBigUInt64LE(data), pages: Number(page.readBigUInt64LE(data + 16)) });
    } else if (flags & pageFlags.leaf && bits & nodeFlags.subDatabase) {
      uses.push({ kind: 'child', page: page.readBigUInt64LE(data + subDatabaseRoot) });
    }
  }
  return uses;
}
