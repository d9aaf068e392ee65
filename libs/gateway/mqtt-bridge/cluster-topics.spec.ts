import { describe, expect, it } from '@jest/globals';
import { overlap } from '../topics.js';
import { deviceFilters, filterProblem } from './cluster-topics.js';

describe('topic filters', () => {
  it.each<[string, string, boolean]>([
    ['devices/+/telemetry', 'devices/+/telemetry', true],
    ['devices/+/telemetry', 'devices/+/up', false],
    ['devices/+/up', 'devices/+/up/+', false],
    ['devices/+/up', 'devices/+/up/#', true],
    ['devices/a/#', 'devices/+/telemetry', true],
    ['devices/a/+', 'devices/b/+', false],
    ['#', 'devices/+/telemetry', true],
    ['north/+', 'south/+', false],
    ['a/+/c', 'a/b/+', true],
  ])('%s and %s: a common topic is %s', (first, second, expected) => {
    expect([overlap(first, second), overlap(second, first)]).toEqual([expected, expected]);
  });

  it.each<[string[], RegExp | undefined]>([
    [[...deviceFilters], undefined],
    [['devices/+/telemetry', 'devices/+/events/+'], undefined],
    [['devices/+/commands/+/reply'], undefined],
    [['devices/#/telemetry'], /no MQTT topic filter/],
    [['devices/a+/telemetry'], /no MQTT topic filter/],
    [[''], /no MQTT topic filter/],
    [['$share/g/devices/+/telemetry'], /BRIDGE_GROUP/],
    [['devices/#'], /commands that we publish/],
    [['devices/+/+/+'], /commands that we publish/],
    [['devices/+/up/+', 'devices/+/up/7'], /would come twice/],
  ])('%j: %s', (filters, problem) => {
    if (problem === undefined) expect(filterProblem(filters)).toBeUndefined();
    else expect(filterProblem(filters)).toMatch(problem);
  });
});
