import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { BackedUpFile } from './backup-manifest.js';

/** Fast, and a third larger than the best: a backup is made while people wait. */
const compression = 1;
const bufferBytes = 1_048_576;
/** No record of ours comes near: a length beyond it was never written. */
const longestRecord = 512 * 1_048_576;

/** A compressed file of records, each after its length (4 bytes, big-endian). Memory is bounded by the largest record. */
export class RecordWriter {
  private readonly gzip = createGzip({ level: compression, chunkSize: bufferBytes });
  private readonly hash = createHash('sha256');
  private readonly done: Promise<void>;
  private bytes = 0;
  private records = 0;
  private rows = 0;

  /** Makes the file at `path`, readable by its owner alone; one that is there already is refused. */
  constructor(
    path: string,
    private readonly name: string,
  ) {
    const counting = new Transform({
      transform: (chunk: Buffer, _, next) => {
        this.hash.update(chunk);
        this.bytes += chunk.length;
        next(null, chunk);
      },
    });
    // Flushed: when it is closed, it is on the disk.
    this.done = pipeline(this.gzip, counting, createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }));
    // Told to whoever writes or closes next.
    this.done.catch(() => undefined);
  }

  /** Resolves when there is room for more. `rows`: how many things it holds, for the counts. */
  async write(record: Uint8Array, rows = 1): Promise<void> {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(record.byteLength);
    this.records += 1;
    this.rows += rows;
    this.gzip.write(length);
    if (this.gzip.write(record)) return;
    await Promise.race([new Promise<void>((resolve) => this.gzip.once('drain', resolve)), this.done]);
  }

  /** Resolves when all of it is on the disk, with what the manifest says of it. */
  async close(): Promise<BackedUpFile> {
    this.gzip.end();
    await this.done;
    const { name, bytes, records, rows } = this;
    return { name, bytes, sha256: this.hash.digest('hex'), records, rows };
  }
}

/** The records of a file, one after the other. Throws where it ends in the midst of one, or is not what gzip wrote. */
export async function* readRecords(path: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: bufferBytes });
  const source = createReadStream(path, { highWaterMark: bufferBytes });
  source.on('error', (error) => gunzip.destroy(error));
  let held: Buffer[] = [];
  let bytes = 0;
  let wanted = 4;
  let inRecord = false;
  try {
    for await (const chunk of source.pipe(gunzip) as AsyncIterable<Buffer>) {
      held.push(chunk);
      bytes += chunk.length;
      while (bytes >= wanted) {
        const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
        const piece = all.subarray(0, wanted);
        held = [all.subarray(wanted)];
        bytes -= wanted;
        if (inRecord) yield piece;
        wanted = inRecord ? 4 : lengthIn(piece);
        inRecord = !inRecord;
      }
    }
  } finally {
    source.destroy();
  }
  if (bytes > 0 || inRecord) throw new Error('it ends in the midst of a record');
}

/** The SHA-256 of a file as it is on the disk, hex, and its size. */
export async function digestOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: bufferBytes })) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

function lengthIn(piece: Buffer): number {
  const length = piece.readUInt32BE();
  if (length > longestRecord) throw new Error(`a record of ${length} bytes was never written`);
  return length;
}
