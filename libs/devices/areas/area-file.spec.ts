import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { areasOf, readAreaFile } from './area-file.js';
import { zunyiAreas } from './zunyi.js';

const ring = [
  [106.9, 27.6],
  [107, 27.6],
  [107, 27.7],
  [106.9, 27.6],
];
const polygon = { type: 'Polygon', coordinates: [ring] };
const feature = (properties: object, geometry: object | null = polygon) => ({ type: 'Feature', properties, geometry });
const text = (...features: object[]) => JSON.stringify({ type: 'FeatureCollection', features });

describe('areas of a GeoJSON text', () => {
  it.each([
    ['a code', { code: '520302', name: '红花岗区', nameEn: 'Honghuagang' }, { zh: '红花岗区', en: 'Honghuagang' }],
    [
      'a number as its code',
      { adcode: 520302, name: '红花岗区', level: 'district' },
      { zh: '红花岗区', en: '红花岗区' },
    ],
  ])('reads one with %s', (_what, properties, name) => {
    expect(areasOf(text(feature(properties)))).toEqual([{ code: '520302', name, boundary: polygon }]);
  });

  it('reads one of several parts, and one that nobody has drawn', () => {
    const parts = { type: 'MultiPolygon', coordinates: [[ring], [ring]] };
    const read = areasOf(
      text(feature({ code: '520302', name: '甲' }, parts), feature({ code: '520303', name: '乙' }, null)),
    );
    expect(read.map(({ boundary }) => boundary)).toEqual([parts, null]);
  });

  const good = { code: '520302', name: '甲' };
  it.each([
    ['[]', /^it: /],
    [text(), /^features: /],
    [text(feature({ name: '甲' })), /features\.0\.properties\.code: is missing/],
    [text(feature({ ...good, code: '5203' })), /features\.0\.properties\.code: a code of 6 digits/],
    [text(feature({ code: '520302' })), /features\.0\.properties\.name: /],
    [text(feature(good, { type: 'Point', coordinates: [1, 2] })), /features\.0\.geometry\.type: /],
    [text(feature(good, { type: 'Polygon', coordinates: [ring.slice(2)] })), /4 positions or more/],
    [text(feature(good, { type: 'Polygon', coordinates: [[...ring, [200, 1]]] })), /geometry\.coordinates\.0\.4\.0: /],
    [text(feature(good), feature(good)), /the code 520302 is there twice/],
  ])('says what is wrong with %s', (given, problem) => {
    expect(() => areasOf(given)).toThrow(problem);
  });
});

describe('the file of areas', () => {
  it('names the setting, the file and the fix where it cannot be used', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'areas-'));
    try {
      const path = join(folder, 'areas.json');
      await expect(readAreaFile(path)).rejects.toThrow(/^AREAS_FILE=.*areas\.json cannot be used: ENOENT.*GeoJSON/);
      writeFileSync(path, '{');
      await expect(readAreaFile(path)).rejects.toThrow(/cannot be used: .*JSON/);
      writeFileSync(path, ' '.repeat(5 * 1_048_576));
      await expect(readAreaFile(path)).rejects.toThrow(/simplify its lines/);
      writeFileSync(path, text(feature({ code: '520302', name: '甲' })));
      expect(await readAreaFile(path)).toHaveLength(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("has Zunyi's names where there is none", () => {
    const codes = zunyiAreas.map(({ code }) => code);
    expect(new Set(codes).size).toBe(14);
    expect(codes.every((code) => /^5203\d\d$/.test(code))).toBe(true);
  });
});
