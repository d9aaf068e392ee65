import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq, gte, sql } from 'drizzle-orm';
import { Client, type QueryResultRow } from 'pg';
import type { Database } from '../database.js';
import { Leases } from '../leases.js';
import { migrateRegistry } from '../migrate.js';
import { products, tenants, users } from '../schema/index.js';

/** What the suite needs of a registry: migrated and empty. */
export interface RegistryUnderTest {
  database: Database;
  url: string;
  stop(): Promise<void>;
}

/** What every registry must do, whichever engine it runs on. */
export function describeRegistry(name: string, open: () => Promise<RegistryUnderTest>): void {
  describe(`registry on ${name}`, () => {
    let registry: RegistryUnderTest;
    beforeAll(async () => {
      registry = await open();
    });
    afterAll(() => registry.stop());
    const clients = async (count: number) => {
      const opened = Array.from({ length: count }, () => new Client({ connectionString: registry.url }));
      await Promise.all(opened.map((client) => client.connect()));
      return opened;
    };
    const rows = async <R extends QueryResultRow>(client: Client, text: string) => (await client.query<R>(text)).rows;

    it('has every table, and migrating again changes nothing', async () => {
      await Promise.all([migrateRegistry(registry.url), migrateRegistry(registry.url)]);
      expect(await registry.database.select().from(tenants)).toEqual([]);
    });

    it('keeps its constraints', async () => {
      const [tenant] = await registry.database.insert(tenants).values({ id: 'constraints', name: 'A' }).returning();
      await expect(registry.database.insert(tenants).values({ id: 'constraints', name: 'B' })).rejects.toMatchObject({
        cause: { code: '23505' },
      });
      const orphan = { login: 'orphan', name: 'O', passwordHash: '-', roles: ['operator'] };
      await expect(
        registry.database.insert(users).values({ ...orphan, tenantKey: '01890000-0000-7000-8000-000000000000' }),
      ).rejects.toMatchObject({ cause: { code: '23503' } });
      const [user] = await registry.database
        .insert(users)
        .values({ ...orphan, tenantKey: tenant?.key ?? '' })
        .returning();
      expect(user).toMatchObject({ roles: ['operator'], disabled: false, revision: 1, createdAt: expect.any(Date) });
    });

    it('rolls a failed transaction back', async () => {
      const failing = registry.database.transaction(async (transaction) => {
        await transaction.insert(tenants).values({ id: 'undone', name: 'U' });
        throw new Error('on purpose');
      });
      await expect(failing).rejects.toThrow('on purpose');
      expect(await registry.database.select().from(tenants).where(eq(tenants.id, 'undone'))).toEqual([]);
    });

    it('hides what is not committed from others', async () => {
      const [writer, reader] = (await clients(2)) as [Client, Client];
      await writer.query('begin');
      await writer.query(`insert into tenants (key, id, name) values (gen_random_uuid(), 'hidden', 'H')`);
      // The embedded engine answers once the writer is done: what is asked meanwhile must then be seen.
      const asked = rows<{ count: string }>(reader, `select count(*) from tenants where id = 'hidden'`);
      await writer.query('rollback');
      expect((await asked)[0]?.count).toBe('0');
      await Promise.all([writer.end(), reader.end()]);
    });

    it('frees what a lost connection held', async () => {
      const [lost, other] = (await clients(2)) as [Client, Client];
      lost.on('error', () => undefined);
      await lost.query('begin');
      await lost.query(`insert into tenants (key, id, name) values (gen_random_uuid(), 'lost', 'L')`);
      (lost as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      expect(await rows(other, `select 1 from tenants where id = 'lost'`)).toEqual([]);
      await other.end();
    });

    it('never mixes the queries of its connections', async () => {
      const many = await clients(4);
      // Longer than what a socket hands over at once: the parts of one query arrive with another's between them.
      const long = 'x'.repeat(300_000);
      const answers = many.map(async (client, index) => {
        for (let round = 0; round < 40; round++) {
          const value = `${index}-${round}`;
          const { rows: answer } =
            (index + round) % 2 === 0
              ? await client.query('select $1::text as a, $2::int as b', [value, round])
              : await client.query('select $1::int as b, length($2) as c, $3::text as a', [round, long, value]);
          expect(answer[0]).toMatchObject({ a: value, b: round });
          if (round % 10 === 0) await expect(client.query('select $1::int', ['no number'])).rejects.toThrow();
        }
      });
      await Promise.all(answers);
      await Promise.all(many.map((client) => client.end()));
    });

    it('hands each row of a queue to one worker', async () => {
      const [setup] = (await clients(1)) as [Client];
      await setup.query('create table queue_under_test (n int primary key)');
      await setup.query('insert into queue_under_test select generate_series(1, 40)');
      const workers = await clients(3);
      const taken = await Promise.all(
        workers.map(async (worker) => {
          const mine: number[] = [];
          for (;;) {
            await worker.query('begin');
            const next = await rows<{ n: number }>(
              worker,
              'select n from queue_under_test order by n limit 1 for update skip locked',
            );
            if (next[0]) await worker.query('delete from queue_under_test where n = $1', [next[0].n]);
            await worker.query('commit');
            if (!next[0]) return mine;
            mine.push(next[0].n);
          }
        }),
      );
      expect(taken.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
      await setup.query('drop table queue_under_test');
      await Promise.all([...workers, setup].map((client) => client.end()));
    });

    it('lets one process at a time do what only one shall do', async () => {
      const [one, two] = [new Leases(registry.database), new Leases(registry.database)];
      let running = 0;
      let most = 0;
      const task = async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 20));
        running -= 1;
      };
      const ran = await Promise.all(
        Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? one : two).exclusively('task', 60_000, task)),
      );
      // One that asks after the end of another's task may run too.
      expect(ran).toContain(true);
      expect(most).toBe(1);
      expect(await two.exclusively('task', 60_000, task)).toBe(true);
      const failing = one.exclusively('task', 60_000, () => Promise.reject(new Error('on purpose')));
      await expect(failing).rejects.toThrow('on purpose');
      let frozen = () => {};
      const held = one.exclusively('task', 1, () => new Promise<void>((resolve) => (frozen = resolve)));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await two.exclusively('task', 60_000, task)).toBe(true);
      frozen();
      await held;
    });

    it('shows every change to who polls from the horizon of the poll before', async () => {
      const { database } = registry;
      const seen = new Set<string>();
      let horizon = '0';
      const poll = async () => {
        await database.transaction(async (transaction) => {
          const { rows: next } = await transaction.execute<{ horizon: string }>(
            sql`select pg_snapshot_xmin(pg_current_snapshot())::text as horizon`,
          );
          for (const row of await transaction.select().from(products).where(gte(products.changed, horizon))) {
            seen.add(`${row.id}:${row.nameEn}`);
          }
          horizon = next[0]?.horizon ?? horizon;
        });
      };
      const product = (id: string) => ({ id, nameZh: id, nameEn: 'new', domain: 'water', lane: 'bulk' as const });
      const writing = Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          await database.insert(products).values(product(`polled-${index}`));
          await database
            .update(products)
            .set({ nameEn: 'renamed' })
            .where(eq(products.id, `polled-${index}`));
        }),
      );
      for (let round = 0; round < 10; round++) await poll();
      await writing;
      await poll();
      expect([...seen].filter((entry) => entry.endsWith(':renamed'))).toHaveLength(20);
      const before = seen.size;
      seen.clear();
      await poll();
      expect(seen.size).toBeLessThan(before);
    });
  });
}
