import { describe, expect, it } from '@jest/globals';
import { alertEventOf } from './alert-event.js';

const told = {
  alert: {
    id: 'a1',
    status: 'open',
    severity: 'critical',
    openedAt: '2026-11-27T10:00:00Z',
    lastAt: '2026-11-27T10:00:00Z',
  },
  device: { id: 'smoke-1', name: '烟感' },
  domain: 'fire',
  titles: { zh: '火警', en: 'Fire alarm' },
};

describe('alertEventOf', () => {
  it('reads a notification', () => {
    const data = JSON.stringify({ specversion: '1.0', type: 'cn.citysense.alert.raised', data: told });
    expect(alertEventOf({ id: '7', type: 'alert.raised', data })).toEqual({ kind: 'raised', ...told });
  });

  it.each([
    ['of another type', 'endpoint.failing', JSON.stringify({ data: told })],
    ['that is no JSON', 'alert.raised', '{'],
    ['without an alert', 'alert.raised', '{"data":{}}'],
    ['without data', 'alert.raised', '{}'],
    ['that is null', 'alert.raised', 'null'],
  ])('leaves out an event %s', (_name, type, data) => {
    expect(alertEventOf({ id: '', type, data })).toBeUndefined();
  });
});
