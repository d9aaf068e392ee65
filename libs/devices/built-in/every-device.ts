import type { EventModel, PropertyModel } from '../thing-model.js';
import { flag, gauge, integer, structure, text } from './product.js';

/**
 * What any battery-powered device may report. `battery` is the TTN normalised payload's; a LoRaWAN battery status of 255
 * (unknown) or 0 (mains) is never a percentage. UCUM has no dBm: `dB{mW}` is decibels with an annotation.
 */
export const commonProperties: readonly PropertyModel[] = [
  gauge('battery', '电池电压', 'Battery voltage', 'V', [0, 20]),
  gauge('batteryLevel', '电池电量', 'Battery level', '%', [0, 100]),
  flag('batteryLow', '电池电量低', 'Battery low'),
  gauge('rssi', '接收信号强度', 'Received signal strength', 'dB{mW}', [-150, 0]),
  gauge('snr', '信噪比', 'Signal-to-noise ratio', 'dB', [-30, 40]),
  flag('tamper', '防拆报警', 'Tampering'),
  structure('position', '位置', 'Position (WGS-84)'),
  text('firmwareVersion', '固件版本', 'Firmware version'),
  integer('reportInterval', '上报周期', 'Reporting interval', { unit: 's', range: [10, 604_800] }),
];

/** What any device may announce. */
export const commonEvents: readonly EventModel[] = [
  { identifier: 'lowBattery', name: { zh: '电量低', en: 'Low battery' }, level: 'warning' },
  { identifier: 'tamper', name: { zh: '设备被拆动', en: 'Device tampered with' }, level: 'major' },
];
