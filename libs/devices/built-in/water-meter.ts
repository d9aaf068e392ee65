import type { ThingModel } from '../thing-model.js';
import { commonEvents, commonProperties } from './every-device.js';
import { type BuiltInProduct, choice, counter, flag, gauge, text } from './product.js';

const largestTotalLitres = 1e11;

const thingModel: ThingModel = {
  properties: [
    counter('metering.water.total', '累计用水量', 'Total volume', 'L', [0, largestTotalLitres]),
    counter('metering.water.reverse', '反向累计流量', 'Total reverse volume', 'L', [0, largestTotalLitres]),
    counter('settlementTotal', '结算日累计用水量', 'Total volume on the settlement day', 'L', [0, largestTotalLitres]),
    gauge('flowRate', '瞬时流量', 'Flow rate', 'L/h', [-200_000, 200_000]),
    gauge('water.temperature.current', '水温', 'Water temperature', 'Cel', [-10, 120]),
    gauge('pressure', '管网压力', 'Water pressure', 'kPa', [0, 4_000]),
    choice('valve', '阀门状态', 'Valve', ['open', 'closed', 'moving', 'abnormal', 'unknown', 'none']),
    flag('water.leak', '漏水', 'Leak'),
    flag('burst', '爆管', 'Pipe burst'),
    flag('backflow', '倒流', 'Backflow'),
    flag('dry', '空管', 'Dry pipe'),
    flag('frozen', '冻结风险', 'Risk of frost'),
    flag('magneticInterference', '强磁干扰', 'Magnetic interference'),
    text('meterNumber', '表号', 'Meter number'),
    choice('mediumType', '介质', 'Medium', ['cold', 'hot', 'drinking', 'reclaimed']),
    ...commonProperties,
  ],
  events: [
    {
      identifier: 'continuousFlow',
      name: { zh: '持续用水，疑似漏损', en: 'Continuous flow, leak suspected' },
      level: 'warning',
    },
    { identifier: 'burst', name: { zh: '疑似爆管', en: 'Pipe burst suspected' }, level: 'critical' },
    { identifier: 'backflow', name: { zh: '倒流', en: 'Backflow' }, level: 'major' },
    { identifier: 'valveAbnormal', name: { zh: '阀门异常', en: 'Valve abnormal' }, level: 'major' },
    { identifier: 'noWaterUse', name: { zh: '长时间未用水', en: 'No water use for long' }, level: 'major' },
    { identifier: 'lowPressure', name: { zh: '管网低压', en: 'Low water pressure' }, level: 'warning' },
    ...commonEvents,
  ],
  commands: [
    {
      identifier: 'setValve',
      name: { zh: '阀门控制', en: 'Set the valve' },
      input: [choice('position', '目标位置', 'Position', ['open', 'closed']), text('reason', '原因', 'Reason')],
    },
    { identifier: 'readNow', name: { zh: '立即抄表', en: 'Read now' }, input: [] },
    { identifier: 'clearTamper', name: { zh: '清除拆动告警', en: 'Clear the tamper flag' }, input: [] },
  ],
};

/** A smart water meter that reports canonical JSON, by default every half hour: the slot of the leak rule. */
export const waterMeter: BuiltInProduct = {
  id: 'water-meter',
  name: { zh: '智能水表', en: 'Smart water meter' },
  domain: 'water',
  lane: 'bulk',
  expectedIntervalMs: 1_800_000,
  thingModel,
  decoder: { kind: 'json' },
};

/** The same meter speaking CJ/T 188 through a data transfer unit, read once a day. */
export const waterMeterCjt188: BuiltInProduct = {
  ...waterMeter,
  id: 'water-meter-cjt188',
  name: { zh: '智能水表（CJ/T 188）', en: 'Smart water meter (CJ/T 188)' },
  expectedIntervalMs: 86_400_000,
  decoder: { kind: 'builtin', name: 'cjt188' },
};
