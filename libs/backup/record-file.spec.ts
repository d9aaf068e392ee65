import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from '@jest/globals';
import { digestOf, RecordWriter, readRecords } from './record-file.js';

describe('a file of records', () => {
  const folder = mkdtempSync(join(tmpdir(), 'citysense-records-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = (name: string) => join(folder, name);

  async function read(name: string): Promise<Buffer[]> {
    const found: Buffer[] = [];
    for await (const record of readRecords(path(name))) found.push(Buffer.from(record));
    return found;
  }

  it('gives back what was written, whatever its size, with its checksum', async () => {
    const records = [0, 1, 3, 4, 1_048_576, 5_000_001, 2].map((size, index) => Buffer.alloc(size, index + 1));
    const writer = new RecordWriter(path('whole'), 'whole');
    for (const record of records) await writer.write(record, 3);
    const file = await writer.close();
    expect(file).toMatchObject({ name: 'whole', records: 7, rows: 21 });
    expect(await digestOf(path('whole'))).toEqual({ bytes: file.bytes, sha256: file.sha256 });
    expect(statSync(path('whole')).mode & 0o777).toBe(0o600);
    const found = await read('whole');
    expect(found.map((record) => record.length)).toEqual(records.map((record) => record.length));
    expect(Buffer.concat(found).equals(Buffer.concat(records))).toBe(true);
  });

  it('of nothing has nothing', async () => {
    const file = await new RecordWriter(path('empty'), 'empty').close();
    expect(file).toMatchObject({ records: 0, rows: 0 });
    expect(await read('empty')).toEqual([]);
  });

  it('is refused where it is cut off, at whatever place', async () => {
    const whole = readFileSync(path('whole'));
    for (const size of [5, 20, whole.length >> 1, whole.length - 1]) {
      writeFileSync(path('cut'), whole);
      truncateSync(path('cut'), size);
      await expect(read('cut')).rejects.toThrow();
    }
    writeFileSync(path('half'), gzipSync(Buffer.from([0, 0, 0, 9, 1, 2])));
    await expect(read('half')).rejects.toThrow('in the midst of a record');
    writeFileSync(path('huge'), gzipSync(Buffer.from([0xff, 0xff, 0xff, 0xff])));
    await expect(read('huge')).rejects.toThrow('was never written');
  });

  it('is never written over', async () => {
    await expect(new RecordWriter(path('whole'), 'whole').close()).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
