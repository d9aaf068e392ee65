import { describe, expect, it } from '@jest/globals';
import { ChangeLog } from './change-log.js';
import { type DeviceState, type FleetAlert, type FleetRow, FleetTable } from './fleet-table.js';

const row = (key: string, change: Partial<FleetRow> = {}): FleetRow => ({
  key,
  id: `id-${key}`,
  tenantKey: 'water',
  productKey: 'meter',
  areaCode: '520302',
  state: 'online',
  position: { longitude: 106.912345, latitude: 27.7 },
  ...change,
});
const alert = (key: string, change: Partial<FleetAlert> = {}): FleetAlert => ({
  key,
  deviceKey: 'a',
  severity: 'major',
  status: 'open',
  ...change,
});

function open() {
  const log = new ChangeLog(64);
  const table = new FleetTable(log);
  const counts = () =>
    table.groups.map(({ areaCode, devices, alerts, unacknowledged }) =>
      [areaCode, devices.join(' '), alerts.join(' '), unacknowledged.join(' ')].join(' | '),
    );
  return { log, table, counts };
}

describe('the fleet table', () => {
  it.each<[DeviceState, string]>([
    ['online', '1 0 0 0 0'],
    ['offline', '0 1 0 0 0'],
    ['never_seen', '0 0 1 0 0'],
    ['disabled', '0 0 0 1 0'],
    ['retired', '0 0 0 0 1'],
  ])('counts a device that is %s', (state, devices) => {
    const { table, counts } = open();
    table.putDevice(row('a', { state: 'online' }));
    table.putDevice(row('a', { state }));
    expect(counts()).toEqual([`520302 | ${devices} | 0 0 0 0 0 | 0 0 0 0 0`]);
  });

  it('takes a device with its alerts from one area to another', () => {
    const { table, counts } = open();
    table.putDevice(row('a'));
    table.putAlert(alert('1'));
    table.putAlert(alert('2', { severity: 'critical', status: 'acknowledged' }));
    table.putDevice(row('a', { areaCode: '' }));
    expect(counts()).toEqual(['520302 | 0 0 0 0 0 | 0 0 0 0 0 | 0 0 0 0 0', ' | 1 0 0 0 0 | 1 1 0 0 0 | 0 1 0 0 0']);
  });

  it('knows the worst alert of a device, whatever order they come and go in', () => {
    const { table } = open();
    table.putDevice(row('a'));
    const worst = () => table.columns.severity[0];
    const seen = [worst()];
    for (const change of [
      alert('1', { severity: 'warning' }),
      alert('2', { severity: 'critical' }),
      alert('2', { severity: 'critical', status: 'acknowledged' }),
      alert('1', { severity: 'major' }),
      alert('2', { severity: 'critical', status: 'cleared' }),
      alert('1', { severity: 'major', status: 'cleared' }),
      alert('1', { severity: 'major', status: 'cleared' }),
    ]) {
      table.putAlert(change);
      seen.push(worst());
    }
    expect(seen).toEqual([5, 3, 0, 0, 0, 1, 5, 5]);
  });

  it('keeps an alert whose device it does not know yet', () => {
    const { table, counts } = open();
    table.putAlert(alert('1', { severity: 'info' }));
    table.putAlert(alert('2'));
    table.putAlert(alert('2', { status: 'cleared' }));
    table.putDevice(row('a'));
    expect(counts()).toEqual(['520302 | 1 0 0 0 0 | 0 0 0 0 1 | 0 0 0 0 1']);
    expect(table.columns.severity[0]).toBe(4);
  });

  it('says only what has really changed', () => {
    const { log, table } = open();
    table.putDevice(row('a'));
    table.putDevice(row('b'));
    const before = log.revision;
    table.putDevice(row('a'));
    table.putDevice(row('a', { position: { longitude: 106.91234501, latitude: 27.7 } }));
    expect(log.revision).toBe(before);
    table.putDevice(row('a', { position: { longitude: 106.9124, latitude: 27.7 } }));
    table.putDevice(row('b', { state: 'offline' }));
    table.putDevice(row('b'));
    table.putAlert(alert('1'));
    table.putAlert(alert('2', { severity: 'info' }));
    expect([...log.after(before, log.revision, () => true)]).toEqual([0, 1]);
    expect(log.revision).toBe(before + 4);
  });

  it('holds positions to a tenth of a metre, and grows', () => {
    const { table } = open();
    for (let n = 0; n < 3_000; n += 1) {
      table.putDevice(row(String(n), { position: n === 7 ? undefined : { longitude: -n / 17, latitude: n / 41 } }));
    }
    expect(table.size).toBe(3_000);
    expect([table.isOnMap(7), table.isOnMap(8)]).toEqual([false, true]);
    expect(table.columns.positionOf(2_999)).toEqual({ longitude: -176.411765, latitude: 73.146341 });
    expect(table.columns.idOf(2_999)).toBe('id-2999');
    table.putDevice(row('8', { state: 'retired' }));
    expect(table.isOnMap(8)).toBe(false);
  });
});

describe('the change log', () => {
  it('reaches back as far as it can hold, and not further', () => {
    const log = new ChangeLog(4);
    for (const slot of [1, 2, 3, 2, 5, 6]) log.add(slot);
    expect([1, 2, 6, 7, -1].map((revision) => log.reaches(revision))).toEqual([false, true, true, false, false]);
    expect([...log.after(2, 6, (slot) => slot !== 5)]).toEqual([3, 2, 6]);
  });
});
