import { readFile } from 'node:fs/promises';
import { ConfigError } from '#libs/runtime';

/** The PEM file that a setting names. Throws naming the setting where it cannot be read, or `check` throws. */
export async function readPemFile(name: string, path: string, check: (pem: Buffer) => void): Promise<Buffer> {
  try {
    const pem = await readFile(path);
    check(pem);
    return pem;
  } catch (error) {
    throw new ConfigError(`${name}=${path} cannot be used: ${(error as Error).message}. Name a readable PEM file.`);
  }
}
