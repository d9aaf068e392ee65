import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { type RuntimeConfig, runtimeConfig } from '#libs/runtime';
import { type AccessConfig, accessConfig } from './access.config.js';

/**
 * Encrypts secrets at rest with AES-256-GCM. The keys are the lines of a file outside the data folder and its backups,
 * `<key id> <base64 of 32 bytes>`; the last one encrypts, every one decrypts: to rotate, append a line and restart.
 */
@Injectable()
export class SecretBox {
  private keys: readonly MasterKey[] = [];

  constructor(
    @Inject(accessConfig.KEY) private readonly config: AccessConfig,
    @Inject(runtimeConfig.KEY) private readonly runtime: RuntimeConfig,
  ) {}

  /** The key file's path. */
  get file(): string {
    return resolve(this.config.masterKeyFile ?? `${resolve(this.runtime.dataDir)}.key`);
  }

  /** Makes the file, readable by its owner alone, with a first key; leaves one that is there as it is. */
  create(): void {
    if (this.exists) return;
    mkdirSync(dirname(this.file), { recursive: true });
    const draft = `${this.file}.${process.pid}.${randomBytes(4).toString('hex')}`;
    writeFileSync(draft, `k1 ${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flush: true });
    try {
      // Two processes that start together end with one file, complete from the first moment it is seen.
      linkSync(draft, this.file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft);
    }
  }

  /** Whether the file is there. */
  get exists(): boolean {
    return existsSync(this.file);
  }

  /** Each key's id with what tells it from another key, and tells nothing of it. */
  fingerprints(): Map<string, Buffer> {
    const of = (key: MasterKey) => createHmac('sha256', key.bytes).update('citysense master key').digest();
    return new Map(this.keys.map((key) => [key.id, of(key)]));
  }

  /** Reads the keys; throws with the fix where there are none to read. */
  load(): void {
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      throw new Error(
        `The master key file ${this.file} cannot be read (${(error as Error).message}). Restore it, or point MASTER_KEY_FILE to it: without it no stored secret can be decrypted.`,
      );
    }
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const keys = lines.map((line): MasterKey => {
      const [, id, base64] = /^([A-Za-z0-9-]{1,32}) ([A-Za-z0-9+/=]+)$/.exec(line.trim()) ?? [];
      const bytes = Buffer.from(base64 ?? '', 'base64');
      if (!id || bytes.length !== 32) {
        throw new Error(`The master key file ${this.file} has a line that is not "<key id> <base64 of 32 bytes>".`);
      }
      return { id, bytes };
    });
    if (keys.length === 0) throw new Error(`The master key file ${this.file} is empty. Restore it.`);
    this.keys = keys;
  }

  /**
   * Encrypts; the result names its key: `k1.<base64url>`. `context` says what the secret belongs to (`endpoint:<key>`):
   * moved to another row, it does not open.
   */
  seal(secret: string | Uint8Array, context: string): string {
    if (this.keys.length === 0) this.load();
    const key = this.keys.at(-1) as MasterKey;
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce).setAAD(Buffer.from(context));
    const parts = [nonce, cipher.update(secret), cipher.final()];
    return `${key.id}.${Buffer.concat([...parts, cipher.getAuthTag()]).toString('base64url')}`;
  }

  /** Decrypts what `seal` gave for the same context. Throws where the key is unknown or anything was changed. */
  open(sealed: string, context: string): Buffer {
    const dot = sealed.indexOf('.');
    const key = this.find(sealed.slice(0, dot));
    const bytes = Buffer.from(sealed.slice(dot + 1), 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, 12), { authTagLength: 16 })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  }

  /** The same as text. */
  openText(sealed: string, context: string): string {
    return this.open(sealed, context).toString('utf8');
  }

  private find(id: string): MasterKey {
    const known = () => this.keys.find((key) => key.id === id);
    // Another process may have started with a newer key.
    if (!known()) this.load();
    const key = known();
    if (!key) throw new Error(`The master key "${id}" is not in ${this.file}. Restore its line.`);
    return key;
  }
}

interface MasterKey {
  id: string;
  bytes: Buffer;
}
