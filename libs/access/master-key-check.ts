import { Inject, Injectable } from '@nestjs/common';
import { DATABASE, type Database, masterKeys } from '#libs/registry-db';
import { LIFECYCLE, type Lifecycle, startOrder } from '#libs/runtime';
import { SecretBox } from './secret-box.js';

/** The key file and the registry do not belong together; or, on the first start, the file is not there yet. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
  readonly code = 'master_key_unusable';

  constructor(
    message: string,
    readonly retryable: boolean,
  ) {
    super(message);
  }
}

/**
 * At start, in every process that seals or opens secrets: its key file must be the one that the registry's secrets were
 * sealed with. The registry knows the keys by their fingerprints, those that came by rotation too.
 */
@Injectable()
export class MasterKeyCheck {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(SecretBox) private readonly secretBox: SecretBox,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    // After the first start has made the file, where it is this process that makes it.
    const order = startOrder.engines + 2;
    lifecycle.add({ name: 'master-key', order, start: () => this.start(), stop: async () => undefined });
  }

  private async start(): Promise<void> {
    const known = await this.known();
    const { file } = this.secretBox;
    if (known.size === 0 && !this.secretBox.exists) {
      const message = `the master key file ${file} is not there yet: the first start of an API makes one, or put it there`;
      throw new MasterKeyError(message, true);
    }
    this.secretBox.load();
    const own = this.secretBox.fingerprints();
    this.compare(known, own);
    const fresh = [...own].filter(([id]) => !known.has(id)).map(([id, fingerprint]) => ({ id, fingerprint }));
    if (fresh.length === 0) return;
    await this.database.insert(masterKeys).values(fresh).onConflictDoNothing();
    // Another process may have been first, with another key.
    this.compare(await this.known(), own);
  }

  private compare(known: ReadonlyMap<string, Buffer>, own: ReadonlyMap<string, Buffer>): void {
    const { file } = this.secretBox;
    for (const [id, fingerprint] of known) {
      const mine = own.get(id);
      if (mine?.equals(fingerprint)) continue;
      const problem = mine
        ? `The master key "${id}" in ${file} is not the one that the registry's secrets are sealed with`
        : `The master key "${id}", which the registry's secrets are sealed with, is not in ${file}`;
      throw new MasterKeyError(`${problem}. Give every process the same file (MASTER_KEY_FILE).`, false);
    }
  }

  private async known(): Promise<Map<string, Buffer>> {
    const rows = await this.database.select().from(masterKeys);
    return new Map(rows.map((row) => [row.id, row.fingerprint]));
  }
}
