import { describe, expect, it } from '@jest/globals';
import { returnPath } from './return-path.js';

describe('returnPath', () => {
  it.each([
    ['/alerts?status=open', '/alerts?status=open'],
    ['/', '/'],
    [undefined, '/'],
    [['/alerts'], '/'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example', '/'],
    ['javascript:alert(1)', '/'],
  ])('%j leads to %s', (text, path) => {
    expect(returnPath(text)).toBe(path);
  });
});
