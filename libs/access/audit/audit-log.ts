import { Inject, Injectable } from '@nestjs/common';
import { asc, desc, gt, sql } from 'drizzle-orm';
import { auditHead, auditRecords, DATABASE, type Database, type Transaction } from '#libs/registry-db';
import { SecretBox } from '../secret-box.js';
import { type AuditEntry, type ChainedRecord, chain, chainProblem, chainStart } from './audit-record.js';

/** Held while the chain grows: it has one end, whatever the number of processes. */
const chainLock = 0x61756469;
const maxBatch = 200;
const verificationPage = 1_000;
const headContext = 'audit-head';

/** What a verification found. */
export interface Verification {
  intact: boolean;
  /** Records looked at. */
  records: number;
  /** The first thing wrong. */
  problem: { sequence: number; problem: string } | null;
}

interface Waiting {
  entry: AuditEntry;
  done: () => void;
  fail: (error: unknown) => void;
}

/** The append-only, hash-chained record of who did what. */
@Injectable()
export class AuditLog {
  private waiting: Waiting[] = [];
  private flushing = false;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(SecretBox) private readonly secretBox: SecretBox,
  ) {}

  /** Resolves when the entry is durable. Entries that come while others are being written go together. */
  append(entry: AuditEntry): Promise<void> {
    return new Promise((done, fail) => {
      this.waiting.push({ entry, done, fail });
      if (!this.flushing) void this.flush();
    });
  }

  /** Walks the whole chain; takes seconds per hundred thousand records. */
  async verify(): Promise<Verification> {
    // The head first: records appended meanwhile lie behind it.
    const head = await this.readHead();
    let last: { sequence: number; hash: Buffer } = { sequence: 0, hash: chainStart };
    for (;;) {
      const page = await this.database
        .select()
        .from(auditRecords)
        .where(gt(auditRecords.sequence, last.sequence))
        .orderBy(asc(auditRecords.sequence))
        .limit(verificationPage);
      for (const row of page) {
        const record = row as ChainedRecord;
        const problem =
          chainProblem(record, last) ??
          (record.sequence === head?.sequence && record.hash.toString('hex') !== head.hash
            ? 'it is not the record that the sealed end of the chain names'
            : undefined);
        if (problem) return broken(record.sequence, problem);
        last = record;
      }
      if (page.length < verificationPage) break;
    }
    if (head && last.sequence < head.sequence) return broken(head.sequence, 'records were cut off the end');
    if (!head && last.sequence > 0) return broken(last.sequence, 'the sealed end of the chain is missing');
    return { intact: true, records: last.sequence, problem: null };
  }

  private async flush(): Promise<void> {
    this.flushing = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, maxBatch);
      try {
        await this.database.transaction((transaction) =>
          this.write(
            transaction,
            batch.map((one) => one.entry),
          ),
        );
        for (const one of batch) one.done();
      } catch (error) {
        for (const one of batch) one.fail(error);
      }
    }
    this.flushing = false;
  }

  private async write(transaction: Transaction, entries: readonly AuditEntry[]): Promise<void> {
    await transaction.execute(sql`select pg_advisory_xact_lock(${chainLock})`);
    const [last] = await transaction
      .select({ sequence: auditRecords.sequence, hash: auditRecords.hash })
      .from(auditRecords)
      .orderBy(desc(auditRecords.sequence))
      .limit(1);
    const records = chain(entries, last ?? { sequence: 0, hash: chainStart });
    await transaction.insert(auditRecords).values(records);
    const end = records.at(-1) as ChainedRecord;
    const head = JSON.stringify({ sequence: end.sequence, hash: end.hash.toString('hex') });
    const sealed = this.secretBox.seal(head, headContext);
    await transaction
      .insert(auditHead)
      .values({ sealed })
      .onConflictDoUpdate({ target: auditHead.only, set: { sealed } });
  }

  private async readHead(): Promise<{ sequence: number; hash: string } | undefined> {
    const [row] = await this.database.select().from(auditHead);
    return row && (JSON.parse(this.secretBox.openText(row.sealed, headContext)) as { sequence: number; hash: string });
  }
}

function broken(sequence: number, problem: string): Verification {
  return { intact: false, records: sequence, problem: { sequence, problem } };
}
