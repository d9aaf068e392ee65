import { commonEvents, commonProperties } from './every-device.js';
import { type BuiltInProduct, choice, counter, flag, gauge, integer, structure, text } from './product.js';

/**
 * A sensor of one parking bay. `status` follows FIWARE ParkingSpot: unknown is stale, disturbed or uncalibrated and never
 * free; closed is set by the operator. A gap in `eventCount` means lost arrivals or departures.
 */
export const parkingSensor: BuiltInProduct = {
  id: 'parking-sensor',
  name: { zh: '车位检测器', en: 'Parking sensor' },
  domain: 'parking',
  lane: 'bulk',
  expectedIntervalMs: 3_600_000,
  decoder: { kind: 'json' },
  thingModel: {
    properties: [
      choice('status', '车位状态', 'Occupancy', ['free', 'occupied', 'unknown', 'closed']),
      text('statusSince', '状态起始时间', 'Occupancy since (RFC 3339)'),
      { ...counter('eventCount', '车辆事件计数', 'Vehicle event counter', '1', [0, 4_294_967_295]), type: 'integer' },
      gauge('previousStateDuration', '上一状态时长', 'Duration of the state before', 'min', [0, 65_535]),
      gauge('distance', '雷达或超声测距', 'Radar or ultrasonic distance', 'mm', [0, 10_000]),
      structure('magneticField', '三轴磁场', 'Magnetic field (x, y, z)', 'uT'),
      flag('interference', '强磁干扰', 'Magnetic interference'),
      flag('covered', '遮挡或积水', 'Covered by snow, water or an object'),
      flag('calibrated', '已标定', 'Calibrated'),
      gauge('temperature', '温度', 'Temperature', 'Cel', [-50, 100]),
      text('tagId', '车载标签', 'Vehicle tag'),
      ...commonProperties,
    ],
    events: [
      { identifier: 'vehicleArrived', name: { zh: '车辆驶入', en: 'Vehicle arrived' }, level: 'info' },
      { identifier: 'vehicleLeft', name: { zh: '车辆驶离', en: 'Vehicle left' }, level: 'info' },
      { identifier: 'overstay', name: { zh: '超时停车', en: 'Overstay' }, level: 'warning' },
      { identifier: 'fireLaneOccupied', name: { zh: '消防通道被占用', en: 'Fire lane occupied' }, level: 'critical' },
      { identifier: 'sensorStuck', name: { zh: '传感器卡滞', en: 'Sensor stuck' }, level: 'warning' },
      { identifier: 'magneticDisturb', name: { zh: '强磁干扰', en: 'Magnetic interference' }, level: 'warning' },
      ...commonEvents,
    ],
    commands: [
      {
        identifier: 'recalibrate',
        name: { zh: '重新标定（车位须空）', en: 'Recalibrate (the bay must be free)' },
        input: [],
      },
      {
        identifier: 'setSensitivity',
        name: { zh: '设置灵敏度', en: 'Set the sensitivity' },
        input: [integer('level', '级别', 'Level', { range: [1, 10] })],
      },
    ],
  },
};
