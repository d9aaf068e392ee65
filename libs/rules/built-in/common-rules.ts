import { announced, builtIn, dayMs, minuteMs, whileTrue } from './built-in-rule.js';

/** Any device. */
export const commonRules = [
  builtIn(
    'device-low-battery',
    'minor',
    '电池电量低',
    'Low battery',
    {},
    {
      kind: 'threshold',
      conditions: [
        { metric: 'batteryLow', operator: '==', value: true },
        { metric: 'batteryLevel', operator: '<', value: 20, clear: 30 },
      ],
      repeatMs: 7 * dayMs,
    },
  ),
  builtIn(
    'device-low-battery-announced',
    'minor',
    '电池电量低（设备事件）',
    'Low battery (device event)',
    {},
    {
      ...announced('lowBattery', { metric: 'batteryLow', value: true }),
    },
  ),
  builtIn('device-tamper', 'major', '设备被拆动', 'Device tampered with', {}, whileTrue('tamper')),
  builtIn(
    'device-tamper-announced',
    'major',
    '设备被拆动（设备事件）',
    'Device tampered with (device event)',
    {},
    {
      ...announced('tamper', { metric: 'tamper', value: true }),
    },
  ),
  builtIn(
    'device-silent',
    'warning',
    '设备失联',
    'Device silent',
    { domains: ['water', 'parking'] },
    {
      kind: 'absence',
      intervals: 3,
      minimumMs: minuteMs,
    },
  ),
];
