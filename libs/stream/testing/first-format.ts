import { crc32 } from 'node:zlib';
import { systemClock } from '#libs/runtime';
import { openEnvironment } from '../lmdb/environment.js';
import { protect, readEntry, unprotect } from '../lmdb/stored-value.js';

/**
 * Rewrites a closed embedded stream as the first release would have written it: entries without the messages before them,
 * lanes and acknowledgements without counts.
 */
export async function writeAsFirstFormat(dir: string, partitions = 4): Promise<void> {
  const environment = await openEnvironment(dir, partitions, systemClock.now());
  const { root, entries, laneTables, trimmed, acknowledgements, lock } = environment;
  const formats = root.openDB<Buffer, Buffer>({ name: 'format', encoding: 'binary', keyEncoding: 'binary' });
  const all = [...entries.getRange({})];
  await root.childTransaction(() => {
    for (const { key, value } of all) {
      const { appendedAt, data } = readEntry(value, () => 'entry');
      const stored = Buffer.alloc(12 + data.byteLength);
      stored.writeDoubleBE(appendedAt, 4);
      stored.set(data, 12);
      stored.writeUInt32BE(crc32(stored.subarray(4)), 0);
      void entries.put(key, stored);
    }
    for (const table of [laneTables, trimmed]) {
      for (const { key, value } of [...table.getRange({})]) {
        const lane = key.subarray(0, key.length).toString('latin1');
        const stored = Buffer.alloc(12 + partitions * 16);
        value.copy(stored, 0, 0, 8);
        for (let partition = 0; partition < partitions; partition++) {
          const kept = all.filter(
            ({ key: one }) =>
              `${one.toString('latin1')}`.startsWith(lane) && one.readUInt16BE(lane.length) === partition,
          );
          const larger = table === laneTables ? 8 * kept.length : 0;
          stored.writeDoubleLE(value.readDoubleLE(12 + partition * 32), 12 + partition * 16);
          stored.writeDoubleLE(value.readDoubleLE(20 + partition * 32) - larger, 20 + partition * 16);
        }
        stored.writeUInt32LE(crc32(stored.subarray(12)), 8);
        void table.put(key, stored);
      }
    }
    for (const { key, value } of [...acknowledgements.getRange({})]) {
      void acknowledgements.put(key, protect(unprotect(value, () => 'acknowledgement').subarray(0, 8)));
    }
    const format = { format: 1, partitions, createdAt: systemClock.now() };
    void formats.put(Buffer.from('format'), protect(Buffer.from(JSON.stringify(format))));
  });
  await root.close();
  lock.release();
}
