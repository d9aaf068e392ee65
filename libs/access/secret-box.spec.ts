import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readConfig, runtimeConfig } from '#libs/runtime';
import { accessConfig } from './access.config.js';
import { SecretBox } from './secret-box.js';

describe('secrets at rest', () => {
  let folder: string;
  const box = (environment: Record<string, string> = {}) => {
    const all = { DATA_DIR: join(folder, 'data'), ...environment };
    return new SecretBox(readConfig(accessConfig, all), readConfig(runtimeConfig, all));
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'citysense-keys-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('keeps its key beside the data folder, readable by its owner alone', () => {
    box().create();
    expect(statSync(join(folder, 'data.key')).mode & 0o777).toBe(0o600);
  });

  it('opens what it sealed, also after a restart', () => {
    box().create();
    const sealed = box().seal('whsec_1', 'endpoint:1');
    expect(sealed).not.toContain('whsec');
    expect(box().openText(sealed, 'endpoint:1')).toBe('whsec_1');
    box().create();
    expect(box().openText(sealed, 'endpoint:1')).toBe('whsec_1');
  });

  it('never gives the same text twice', () => {
    box().create();
    expect(box().seal('a', 'c')).not.toBe(box().seal('a', 'c'));
  });

  it('opens nothing that was changed or moved', () => {
    box().create();
    const sealed = box().seal('secret', 'endpoint:1');
    expect(() => box().open(sealed, 'endpoint:2')).toThrow();
    const [id, text = ''] = sealed.split('.');
    for (let at = 0; at < text.length - 1; at++) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      expect(() => box().open(`${id}.${changed}`, 'endpoint:1')).toThrow();
    }
    expect(() => box().open(`${id}.${text.slice(0, 20)}`, 'endpoint:1')).toThrow();
  });

  it('rotates: the newest key seals, older ones still open', () => {
    box().create();
    const running = box();
    const old = running.seal('secret', 'c');
    appendFileSync(join(folder, 'data.key'), `k2 ${randomBytes(32).toString('base64')}\n`);
    const fresh = box().seal('secret', 'c');
    expect([old.split('.')[0], fresh.split('.')[0]]).toEqual(['k1', 'k2']);
    expect(box().openText(old, 'c')).toBe('secret');
    expect(running.openText(fresh, 'c')).toBe('secret');
  });

  it.each([
    ['missing', undefined, 'cannot be read'],
    ['empty', '\n', 'is empty'],
    ['of another form', 'k1 short\n', 'has a line that is not'],
  ])('says what to do about a key file that is %s', (_name, content, message) => {
    const file = join(folder, 'other.key');
    if (content !== undefined) writeFileSync(file, content);
    expect(() => box({ MASTER_KEY_FILE: file }).load()).toThrow(message);
  });
});
