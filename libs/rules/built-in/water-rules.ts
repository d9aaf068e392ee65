import { announced, builtIn, dayMs, hourMs, minuteMs, whileTrue } from './built-in-rule.js';

const water = { domains: ['water'] };
const total = 'metering.water.total';

/** Water meters. No data is not zero use, and no use either. */
export const waterRules = [
  builtIn('water-household-leak', 'warning', '持续用水，疑似漏损', 'Continuous use, leak suspected', water, {
    kind: 'window',
    metric: total,
    aggregate: 'increase',
    slotMs: 30 * minuteMs,
    slots: 48,
    test: 'every',
    operator: '>',
    value: 0,
    repeatMs: dayMs,
  }),
  builtIn('water-leak-reported', 'major', '水表报告漏水', 'Leak reported by the meter', water, whileTrue('water.leak')),
  builtIn('water-leak-announced', 'warning', '水表报告持续用水（设备事件）', 'Continuous flow (device event)', water, {
    ...announced('continuousFlow', { metric: 'water.leak', value: true }),
  }),
  builtIn('water-burst', 'critical', '用水激增，疑似爆管', 'Use far above normal, burst suspected', water, {
    kind: 'window',
    metric: total,
    aggregate: 'increase',
    slotMs: 30 * minuteMs,
    slots: 2,
    test: 'every',
    operator: '>',
    value: 750,
    baseline: { factor: 5, minimumSlots: 48, memorySlots: 336 },
    repeatMs: hourMs,
  }),
  builtIn('water-burst-reported', 'critical', '水表报告爆管', 'Burst reported by the meter', water, whileTrue('burst')),
  builtIn('water-burst-announced', 'critical', '爆管（设备事件）', 'Burst (device event)', water, {
    ...announced('burst', { metric: 'burst', value: true }),
  }),
  builtIn('water-backflow', 'major', '倒流', 'Backflow', water, {
    kind: 'delta',
    metric: total,
    tolerance: 10,
    maxRatePerHour: 10_000,
    // Registers of eight digits that count in 0.01 L, 0.1 L, L, 0.01 m3 and 0.1 m3; CJ/T 188 has the first and the fourth.
    rolloverAt: [1e6, 1e7, 1e8, 1e9, 1e10],
    identityMetric: 'meterNumber',
    repeatMs: hourMs,
  }),
  builtIn(
    'water-backflow-reported',
    'major',
    '水表报告倒流',
    'Backflow reported by the meter',
    water,
    whileTrue('backflow'),
  ),
  builtIn('water-backflow-announced', 'major', '倒流（设备事件）', 'Backflow (device event)', water, {
    ...announced('backflow', { metric: 'backflow', value: true }),
  }),
  builtIn('water-valve-abnormal', 'major', '阀门异常', 'Valve abnormal', water, {
    kind: 'threshold',
    conditions: [{ metric: 'valve', operator: '==', value: 'abnormal', clear: ['open', 'closed', 'none'] }],
    repeatMs: dayMs,
  }),
  builtIn('water-valve-announced', 'major', '阀门异常（设备事件）', 'Valve abnormal (device event)', water, {
    ...announced('valveAbnormal', { metric: 'valve', value: 'abnormal' }),
  }),
  builtIn('water-low-pressure', 'warning', '管网低压', 'Low water pressure', water, {
    kind: 'threshold',
    conditions: [{ metric: 'pressure', operator: '<', value: 140, clear: 160 }],
    forMs: 5 * minuteMs,
    repeatMs: dayMs,
  }),
  builtIn('water-frost-risk', 'minor', '水表冻结风险', 'Meter at risk of frost', water, whileTrue('frozen')),
  builtIn('water-magnetic-interference', 'minor', '水表受强磁干扰', 'Magnetic interference with the meter', water, {
    ...whileTrue('magneticInterference'),
  }),
];
