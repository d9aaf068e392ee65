import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const source = join(process.cwd(), 'apps', 'console', 'src');
const read = (language: string) => {
  const folder = join(source, 'locales', language);
  const sections = readdirSync(folder).map((file) => [
    file.replace(/\.json$/, ''),
    JSON.parse(readFileSync(join(folder, file), 'utf8')),
  ]);
  return keysOf(Object.fromEntries(sections));
};

/** Every text, by the key that shows it. */
function keysOf(section: Record<string, unknown>, above = ''): Map<string, string> {
  return new Map(
    Object.entries(section).flatMap(([key, value]) =>
      typeof value === 'string'
        ? [[above + key, value] as const]
        : [...keysOf(value as Record<string, unknown>, `${above}${key}.`)],
    ),
  );
}

/** The texts asked for by name in the code; those whose name is put together are tried where they are shown. */
function asked(): string[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:vue|ts)$/.test(file) && !file.endsWith('.spec.ts'))
    .flatMap((file) =>
      [...readFileSync(join(source, file), 'utf8').matchAll(/\bt\(\s*'([\w.-]+)'/g)].map((match) => match[1] ?? ''),
    );
}

describe('the messages', () => {
  const chinese = read('zh-CN');
  const english = read('en');

  it('have the same keys in both languages', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
    expect(chinese.size).toBeGreaterThan(50);
  });

  it('take the same values in both languages', () => {
    const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
    for (const [key, text] of chinese) expect([key, places(text)]).toEqual([key, places(english.get(key) ?? '')]);
  });

  it('are all there that the code asks for by name', () => {
    expect(asked().filter((key) => !chinese.has(key))).toEqual([]);
    expect(asked().length).toBeGreaterThan(20);
  });

  it('are written in their language, and none is empty', () => {
    for (const [key, text] of english) expect([key, text.trim().length > 0]).toEqual([key, true]);
    const notChinese = [...chinese].filter(([, text]) => !/[一-鿿]/.test(text)).map(([key]) => key);
    const notEnglish = [...english]
      .filter(([key, text]) => /[一-鿿]/.test(text) && key !== 'app.language')
      .map(([key]) => key);
    expect([notChinese, notEnglish]).toEqual([[], []]);
  });
});
