import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from '@jest/globals';
import { DayCalendar } from '../day-calendar.js';
import { Parts } from './parts.js';
import { readColumns } from './schema.js';

describe('Parts', () => {
  it('leaves no table behind where a part could not be entered: its name would stand in the way of the next one', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const tables = async () => (await readColumns(connection, 'SELECT table_name FROM duckdb_tables()'))[0] ?? [];
    const parts = new Parts(new DayCalendar('Asia/Shanghai'));
    await expect(parts.create(connection, 'readings', undefined)).rejects.toThrow('parts does not exist');
    expect(await tables()).toEqual([]);
    expect(parts.all()).toEqual([]);
    instance.closeSync();
  });
});
