import { announced, builtIn, dayMs, minuteMs, whileTrue } from './built-in-rule.js';

const fire = { domains: ['fire'] };

/** `fire` alarms whatever else is said; the phase does where a detector has no such flag. Muting is sound only. */
const alarm = [
  { metric: 'fire', operator: '==' as const, value: true },
  { metric: 'alarmPhase', operator: '==' as const, value: 'alarm', clear: ['normal', 'restored'] },
];
/** A test message is not an alarm, and its `fire: false` never ends one. */
const holdWhile = [{ metric: 'test', operator: '==' as const, value: true }];

/** Fire detectors, and the parts of fire alarm systems. */
export const fireRules = [
  builtIn('fire-alarm', 'critical', '火警', 'Fire alarm', fire, {
    kind: 'threshold',
    conditions: alarm,
    holdWhile,
    repeatMs: minuteMs,
  }),
  builtIn('fire-alarm-announced', 'critical', '火警（设备事件）', 'Fire alarm (device event)', fire, {
    kind: 'event',
    events: ['fireAlarm'],
    unless: alarm,
    repeatMs: minuteMs,
  }),
  // The two-detector rule of GB 50116 gates linkage, never notification: each detector raises its own alert besides.
  builtIn('fire-two-detectors', 'critical', '同一建筑两只探测器报警', 'Two detectors alarm in one building', fire, {
    kind: 'group',
    conditions: alarm,
    holdWhile,
    minimum: 2,
    windowMs: 10 * minuteMs,
  }),
  builtIn(
    'fire-fault',
    'major',
    '消防设备故障',
    'Fire equipment fault',
    fire,
    whileTrue('fault', 'mainsFault', 'backupFault'),
  ),
  builtIn('fire-fault-announced', 'major', '消防设备故障（设备事件）', 'Fire equipment fault (device event)', fire, {
    ...announced('fault', { metric: 'fault', value: true }),
  }),
  builtIn('fire-supervisory', 'warning', '监管信号', 'Supervisory signal', fire, whileTrue('supervisory')),
  builtIn('fire-shielded', 'warning', '部件被屏蔽', 'Part shielded', fire, whileTrue('shielded')),
  builtIn(
    'fire-end-of-life',
    'minor',
    '探测器寿命到期',
    'Detector at the end of its life',
    fire,
    whileTrue('endOfLife'),
  ),
  builtIn('fire-prealarm', 'major', '火警预警', 'Fire pre-alarm', fire, {
    kind: 'threshold',
    conditions: [{ metric: 'alarmPhase', operator: '==', value: 'prealarm' }],
    repeatMs: 10 * minuteMs,
  }),
  // GB 50974 and GB 55036: a municipal hydrant keeps 0.14 MPa at least.
  builtIn('fire-water-low-pressure', 'major', '消防水压不足', 'Fire water pressure low', fire, {
    kind: 'threshold',
    conditions: [{ metric: 'pressure', operator: '<', value: 140, clear: 160 }],
    repeatMs: dayMs,
  }),
  builtIn('fire-hydrant-tilt', 'major', '消火栓撞倒或倾斜', 'Hydrant struck or tilted', fire, announced('hydrantTilt')),
  builtIn(
    'fire-residual-current',
    'major',
    '剩余电流过高',
    'Residual current high',
    fire,
    announced('residualCurrentHigh'),
  ),
  builtIn(
    'fire-cable-temperature',
    'major',
    '线缆超温',
    'Cable over-temperature',
    fire,
    announced('cableOverTemperature'),
  ),
  builtIn('fire-duty-absent', 'major', '查岗超时', 'Duty staff absent', fire, announced('guardTimeout')),
  builtIn('fire-detector-silent', 'major', '消防设备失联', 'Fire device silent', fire, {
    kind: 'absence',
    intervals: 3,
    minimumMs: minuteMs,
  }),
];
