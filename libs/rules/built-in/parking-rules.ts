import { announced, builtIn, dayMs, hourMs, minuteMs } from './built-in-rule.js';

const parking = { domains: ['parking'] };
/** `unknown` is neither free nor a departure. */
const occupied = { metric: 'status', operator: '==' as const, value: 'occupied', clear: ['free', 'closed'] };

/** Parking sensors. Device settings: `fireLane: true`, `overstayMinutes: 120`. */
export const parkingRules = [
  builtIn(
    'parking-fire-lane',
    'critical',
    '消防通道被占用',
    'Fire lane occupied',
    { ...parking, settings: { fireLane: true } },
    {
      kind: 'threshold',
      conditions: [occupied],
      repeatMs: 10 * minuteMs,
    },
  ),
  builtIn(
    'parking-fire-lane-announced',
    'critical',
    '消防通道被占用（设备事件）',
    'Fire lane occupied (device event)',
    parking,
    {
      ...announced('fireLaneOccupied', { metric: 'status', value: 'occupied' }),
    },
  ),
  builtIn('parking-overstay', 'warning', '超时停车', 'Overstay', parking, {
    kind: 'threshold',
    conditions: [occupied],
    forMs: dayMs,
    forSetting: { name: 'overstayMinutes', unitMs: minuteMs },
    repeatMs: dayMs,
  }),
  builtIn('parking-sensor-disturbed', 'warning', '车位检测器受干扰', 'Parking sensor disturbed', parking, {
    kind: 'threshold',
    conditions: [
      { metric: 'interference', operator: '==', value: true },
      { metric: 'covered', operator: '==', value: true },
      { metric: 'status', operator: '==', value: 'unknown' },
    ],
    repeatMs: dayMs,
  }),
  builtIn(
    'parking-sensor-stuck',
    'warning',
    '车位检测器卡滞',
    'Parking sensor stuck',
    parking,
    announced('sensorStuck'),
  ),
  builtIn(
    'parking-sensor-disturbed-announced',
    'warning',
    '强磁干扰（设备事件）',
    'Magnetic interference (device event)',
    parking,
    {
      ...announced('magneticDisturb', { metric: 'interference', value: true }),
      repeatMs: hourMs,
    },
  ),
];
