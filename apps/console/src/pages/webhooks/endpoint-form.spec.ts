import { describe, expect, it } from '@jest/globals';
import { emptyEndpoint, endpointProblems, targetProblems } from './endpoint-form.js';

describe('a webhook endpoint', () => {
  const sound = { ...emptyEndpoint(), name: 'Desk', url: 'https://alerts.example.cn/in' };

  it.each([
    [{}, []],
    [{ url: 'http://10.20.0.7:8080/in' }, []],
    [{ name: ' ' }, ['name required']],
    [{ url: '' }, ['url required']],
    [{ url: 'alerts.example.cn' }, ['url notUrl']],
    [{ url: 'ftp://alerts.example.cn' }, ['url notUrl']],
    [{ url: 'https://me:secret@alerts.example.cn' }, ['url notUrl']],
    [{ url: `https://a.cn/${'x'.repeat(2_048)}` }, ['url tooLong']],
    [{ domains: Array.from({ length: 51 }, (_one, index) => `d${index}`) }, ['domains tooMany']],
  ])('with %j: %j', (change, problems) => {
    expect(endpointProblems({ ...sound, ...change }).map(({ field, message }) => `${field} ${message}`)).toEqual(
      problems,
    );
  });
});

describe('a private target', () => {
  it.each([
    ['10.20.0.0/16', 443, []],
    ['fd12:3456::/32', 8080, []],
    ['10.20.0.0', 443, ['cidr notNetwork']],
    ['10.20.0.0/33', 443, ['cidr notNetwork']],
    ['10.0.0.0/7', 443, ['cidr notNetwork']],
    ['10.20.300.0/16', 443, ['cidr notNetwork']],
    ['10.20.0/16', 443, ['cidr notNetwork']],
    ['', null, ['cidr required', 'port required']],
    ['10.20.0.0/16', 70_000, ['port tooLarge']],
  ])('%s port %p: %j', (cidr, port, problems) => {
    expect(targetProblems({ cidr, port, note: '' }).map(({ field, message }) => `${field} ${message}`)).toEqual(
      problems,
    );
  });
});
