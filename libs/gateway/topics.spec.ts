import { describe, expect, it } from '@jest/globals';
import { mayReceive, readTopic } from './topics.js';

const message = (messageKind: string, name = '', child: string | undefined = undefined) => ({
  kind: 'message',
  messageKind,
  name,
  child,
});

describe('topics that device meter-1 publishes on', () => {
  const cases: [string, object][] = [
    ['devices/meter-1/telemetry', message('telemetry')],
    ['devices/METER-1/telemetry', message('telemetry')],
    ['devices/meter-1/up', message('up')],
    ['devices/meter-1/up/0', message('up', '0')],
    ['devices/meter-1/up/255', message('up', '255')],
    ['devices/meter-1/events/alarm', message('event', 'alarm')],
    ['devices/meter-1/children/Child.2/telemetry', message('telemetry', '', 'child.2')],
    ['devices/meter-1/children/c/up/7', message('up', '7', 'c')],
    ['devices/meter-1/children/c/events/leak', message('event', 'leak', 'c')],
    ['devices/meter-1/commands/17/reply', message('reply', '17')],
    ['devices/meter-1/children/c/commands/17/reply', message('reply', '17', 'c')],
    ...[
      'devices/meter-2/telemetry',
      'devices/meter-1',
      'devices/meter-1/',
      'devices/meter-1/telemetry/',
      '/devices/meter-1/telemetry',
      'devices/meter-1/telemetry/x',
      'devices/meter-1/up/256',
      'devices/meter-1/up/01',
      'devices/meter-1/up/x',
      'devices/meter-1/events',
      'devices/meter-1/events/',
      'devices/meter-1/events/a b',
      'devices/meter-1/commands/17',
      'devices/meter-1/children//telemetry',
      'devices/meter-1/children/c',
      'devices/meter-1/children/c/children/d/telemetry',
      'Devices/meter-1/telemetry',
      '$SYS/gateway/new/clients',
      '$share/g/devices/meter-1/telemetry',
    ].map((topic): [string, object] => [topic, { kind: 'foreign' }]),
    ...['', 'devices/meter-1/\0', 'devices/#', 'devices/+/telemetry', 'devices/\ufffd', 'devices/\ud800/x', 'a\nb'].map(
      (topic): [string, object] => [topic, { kind: 'malformed' }],
    ),
  ];
  it.each(cases)('%j', (topic, meaning) => {
    expect(readTopic(topic, 'meter-1')).toEqual(meaning);
  });
});

describe('filters that device meter-1 may subscribe to', () => {
  it.each([
    'devices/meter-1/commands/#',
    'devices/Meter-1/commands/#',
    'devices/meter-1/commands/+',
    'devices/meter-1/commands/17',
    'devices/meter-1/children/c/commands/#',
    'devices/meter-1/children/+/commands/+',
  ])('%s', (filter) => {
    expect(mayReceive(filter, 'meter-1')).toBe(true);
  });

  it.each([
    '#',
    '+/#',
    '+/meter-1/commands/#',
    'devices/#',
    'devices/+/commands/#',
    'devices/meter-2/commands/#',
    'devices/meter-1/#',
    'devices/meter-1/telemetry',
    'devices/meter-1/children/#',
    'devices/meter-1/children/+/telemetry',
    'devices/meter-1/commands',
    '$SYS/#',
    '$share/group/devices/meter-1/commands/#',
  ])('not %s', (filter) => {
    expect(mayReceive(filter, 'meter-1')).toBe(false);
  });
});
