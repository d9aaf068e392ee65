import { describe, expect, it } from '@jest/globals';
import { applyNews, type EndpointHealth, type EndpointNews, wants } from './endpoint.js';

const everything = { eventTypes: [], severities: [], domains: [] };
const raised = { type: 'cn.citysense.alert.raised', severity: 'major', domain: 'fire' };

describe('what an endpoint wants', () => {
  it.each([
    ['everything', everything, raised, true],
    ['the type', { ...everything, eventTypes: ['cn.citysense.alert.raised'] }, raised, true],
    ['another type', { ...everything, eventTypes: ['cn.citysense.alert.cleared'] }, raised, false],
    ['the severity', { ...everything, severities: ['critical', 'major'] }, raised, true],
    ['another severity', { ...everything, severities: ['critical'] }, raised, false],
    ['the domain', { ...everything, domains: ['fire'] }, raised, true],
    ['another domain', { ...everything, domains: ['water'] }, raised, false],
    [
      'a domain, of a device nobody knows',
      { ...everything, domains: ['water'] },
      { ...raised, domain: undefined },
      false,
    ],
    [
      'news of endpoints, not named',
      everything,
      { type: 'cn.citysense.endpoint.failing', severity: undefined, domain: undefined },
      false,
    ],
    [
      'news of endpoints, named',
      { eventTypes: ['cn.citysense.endpoint.failing'], severities: ['critical'], domains: ['fire'] },
      { type: 'cn.citysense.endpoint.failing', severity: undefined, domain: undefined },
      true,
    ],
  ])('%s', (_case, filter, notification, expected) => expect(wants(filter, notification)).toBe(expected));
});

describe('how an endpoint is doing', () => {
  const quiet: EndpointHealth = {
    status: 'active',
    statusReason: '',
    health: 'unknown',
    consecutiveFailures: 0,
    lastSuccessAt: undefined,
    lastFailureAt: undefined,
    lastError: undefined,
    pausedUntil: undefined,
  };
  let at = 0;
  const news = (change: Partial<EndpointNews>): EndpointNews => ({
    at: ++at,
    delivered: false,
    error: 'answered 500',
    disable: false,
    pauseUntil: undefined,
    dead: false,
    sequence: 7,
    ...change,
  });
  const fail = () => news({});
  const succeed = () => news({ delivered: true, error: '' });

  it.each<[string, () => EndpointNews[], string[]]>([
    ['two failures are nothing to tell', () => [fail(), fail()], []],
    ['the third is', () => [fail(), fail(), fail()], ['failing']],
    ['told once', () => [fail(), fail(), fail(), fail()], ['failing']],
    ['a success between starts anew', () => [fail(), fail(), succeed(), fail()], []],
    ['recovers', () => [fail(), fail(), fail(), succeed(), succeed()], ['failing', 'recovered']],
    ['410', () => [news({ disable: true }), news({ disable: true })], ['disabled']],
    ['given up', () => [news({ dead: true })], ['delivery_dead']],
  ])('%s', (_case, script, kinds) => {
    expect(applyNews(quiet, script(), 3).events.map((event) => event.kind)).toEqual(kinds);
  });

  it('a pause ends with a success', () => {
    const paused = applyNews(quiet, [news({ pauseUntil: 99_000 })], 3).after;
    expect(paused.pausedUntil).toBe(99_000);
    expect(applyNews(paused, [succeed()], 3).after).toMatchObject({ pausedUntil: undefined, health: 'healthy' });
  });
});
