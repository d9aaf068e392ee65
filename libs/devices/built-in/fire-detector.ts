import { commonEvents, commonProperties } from './every-device.js';
import { type BuiltInProduct, choice, flag, gauge, integer, text } from './product.js';

const byte = { range: [0, 255] as const };

/**
 * A stand-alone detector or one part of a fire alarm system. `fire`, `fault`, `supervisory` and `test` are different
 * things (GB/T 26875.3): `fire` alarms whatever the others say, `test` is only an explicit test, `muted` is sound only.
 * `air.pressure` reaches down to 500 hPa, for the highlands, where TTN's 900 hPa would refuse real air.
 */
export const fireDetector: BuiltInProduct = {
  id: 'fire-detector',
  name: { zh: '火灾探测器', en: 'Fire detector' },
  domain: 'fire',
  lane: 'urgent',
  expectedIntervalMs: 21_600_000,
  decoder: { kind: 'json' },
  thingModel: {
    properties: [
      flag('fire', '火警', 'Fire alarm'),
      choice('alarmKind', '报警类别', 'Kind of alarm', ['smoke', 'heat', 'co', 'gas', 'manual', 'flame', 'electrical']),
      choice('alarmPhase', '报警阶段', 'Phase of the alarm', ['normal', 'prealarm', 'alarm', 'muted', 'restored']),
      flag('test', '测试', 'Test'),
      flag('fault', '故障', 'Fault'),
      flag('shielded', '屏蔽', 'Shielded'),
      flag('supervisory', '监管', 'Supervisory'),
      flag('started', '启动', 'Started'),
      flag('feedback', '反馈', 'Feedback'),
      flag('delayed', '延时', 'Delayed'),
      flag('mainsFault', '主电故障', 'Mains fault'),
      flag('backupFault', '备电故障', 'Backup power fault'),
      gauge('smokeObscuration', '烟雾遮光率', 'Smoke obscuration', '%/m', [0, 100]),
      gauge('air.temperature', '空气温度', 'Air temperature', 'Cel', [-40, 150]),
      gauge('air.pressure', '大气压', 'Air pressure', 'hPa', [500, 1_100]),
      gauge('co', '一氧化碳浓度', 'Carbon monoxide', '[ppm]', [0, 10_000]),
      gauge('gasLel', '可燃气体浓度', 'Combustible gas, of the lower explosive limit', '%{LEL}', [0, 100]),
      gauge('contamination', '迷宫污染程度', 'Contamination of the chamber', '%', [0, 100]),
      flag('endOfLife', '寿命到期', 'End of life'),
      flag('muted', '消音', 'Muted'),
      gauge('pressure', '消防水压', 'Fire water pressure', 'kPa', [0, 4_000]),
      gauge('waterLevel', '消防水位', 'Fire water level', 'm', [0, 50]),
      gauge('residualCurrent', '剩余电流', 'Residual current', 'mA', [0, 10_000]),
      gauge('cableTemperature', '线缆温度', 'Cable temperature', 'Cel', [-40, 250]),
      integer('gb26875.systemType', '系统类型', 'System type (GB/T 26875.3)', byte),
      integer('gb26875.systemAddress', '系统地址', 'System address (GB/T 26875.3)', byte),
      integer('gb26875.partType', '部件类型', 'Part type (GB/T 26875.3)', byte),
      text('gb26875.partAddress', '部件地址', 'Part address (GB/T 26875.3, 8 hexadecimal digits)'),
      text('gb26875.description', '部件说明', 'Part description (GB/T 26875.3)'),
      ...commonProperties,
    ],
    events: [
      { identifier: 'fireAlarm', name: { zh: '火警', en: 'Fire alarm' }, level: 'critical' },
      { identifier: 'fault', name: { zh: '故障', en: 'Fault' }, level: 'major' },
      { identifier: 'shielded', name: { zh: '部件屏蔽', en: 'Part shielded' }, level: 'warning' },
      { identifier: 'hydrantLowPressure', name: { zh: '消火栓欠压', en: 'Hydrant low pressure' }, level: 'major' },
      { identifier: 'hydrantTilt', name: { zh: '消火栓撞倒或倾斜', en: 'Hydrant struck or tilted' }, level: 'major' },
      { identifier: 'residualCurrentHigh', name: { zh: '剩余电流过高', en: 'Residual current high' }, level: 'major' },
      { identifier: 'cableOverTemperature', name: { zh: '线缆超温', en: 'Cable over-temperature' }, level: 'major' },
      { identifier: 'guardTimeout', name: { zh: '查岗超时', en: 'Duty staff absent' }, level: 'major' },
      ...commonEvents,
    ],
    commands: [
      {
        identifier: 'mute',
        name: { zh: '消音', en: 'Mute' },
        input: [integer('minutes', '时长', 'Duration', { unit: 'min', range: [1, 15] })],
      },
      { identifier: 'selfTest', name: { zh: '自检', en: 'Self-test' }, input: [] },
      {
        identifier: 'guardCheck',
        name: { zh: '查岗', en: 'Duty check' },
        input: [integer('timeoutMinutes', '限时', 'Time limit', { unit: 'min', range: [1, 255] })],
      },
      { identifier: 'queryState', name: { zh: '读取状态', en: 'Query the state' }, input: [] },
    ],
  },
};
