import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { DATABASE, type Database } from './database.js';
import { leases } from './schema/index.js';

/** Lets one process at a time do what several could. By the registry's clock, since processes' clocks differ. */
@Injectable()
export class Leases {
  private readonly holder = randomUUID();

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /**
   * Runs `task` unless another process, or another call here, is at the task of that name; answers whether it ran. One that
   * takes longer than `longestMs` (its process is frozen, or was killed) is not waited for: the task must bear being done
   * twice.
   */
  async exclusively(name: string, longestMs: number, task: () => Promise<void>): Promise<boolean> {
    const taken = await this.database.execute(sql`
      insert into ${leases} (name, holder, until)
      values (${name}, ${this.holder}, now() + ${longestMs} * interval '1 millisecond')
      on conflict (name) do update set holder = excluded.holder, until = excluded.until
      where ${leases.until} <= now()
      returning name`);
    if (taken.rows.length === 0) return false;
    try {
      await task();
    } finally {
      await this.database.execute(
        sql`update ${leases} set until = now() where name = ${name} and holder = ${this.holder}`,
      );
    }
    return true;
  }
}
