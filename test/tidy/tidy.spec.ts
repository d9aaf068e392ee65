import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = process.cwd();
const maxFileLines = 400;
/** This file names what it forbids; the other is made from openapi.json. */
const made = ['test/tidy/tidy.spec.ts', 'apps/console/src/api/schema.d.ts'];

/** What the house style forbids, where a linter does not watch. */
const rules: { name: string; applies: (path: string) => boolean; pattern: RegExp }[] = [
  {
    name: 'time comes from the clock in runtime',
    applies: (path) => path.startsWith('libs/') && path !== 'libs/runtime/clock.ts' && !isTest(path),
    pattern: /\bDate\.now\(\)|\bnew Date\(\)/,
  },
  {
    name: 'only runtime reads the environment',
    applies: (path) => path.startsWith('libs/') && !path.startsWith('libs/runtime/') && !isTest(path),
    pattern: /process\.env\b/,
  },
  { name: 'nothing is left to do later', applies: () => true, pattern: /\b(?:TODO|FIXME|XXX)\b/ },
  { name: 'no any', applies: () => true, pattern: /(?::|<) ?any\b|\bas any\b(?! \w)/ },
  {
    name: 'no file is a drawer',
    applies: () => true,
    pattern: /from '\.[^']*\/(?:utils?|helpers?|common|shared|misc)(?:\.js|\/)/,
  },
];

describe('tidy', () => {
  const files = ['apps', 'libs', 'devices-sim', 'test']
    .flatMap((folder) => readdirSync(join(root, folder), { withFileTypes: true, recursive: true }))
    .filter((entry) => entry.isFile() && /\.(?:ts|vue)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => !path.includes('node_modules') && !made.includes(path));

  it('looks at the whole tree', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  it.each(rules)('$name', ({ applies, pattern }) => {
    const broken = files.filter(applies).flatMap((path) =>
      readFileSync(join(root, path), 'utf8')
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
    );
    expect(broken).toEqual([]);
  });

  it(`keeps files under ${maxFileLines} lines`, () => {
    const long = files
      .map((path) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > maxFileLines);
    expect(long).toEqual([]);
  });

  it('gives every lib a README', () => {
    const libs = readdirSync(join(root, 'libs'));
    const without = libs.filter((lib) => !readdirSync(join(root, 'libs', lib)).includes('README.md'));
    expect(without).toEqual([]);
  });
});

function isTest(path: string): boolean {
  return path.endsWith('.spec.ts') || path.includes('/testing/') || path.endsWith('.child.ts');
}
