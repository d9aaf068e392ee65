import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mqtt, { type MqttClient } from 'mqtt';
import { ApiClient } from '../platform/api-client.js';
import { EventStream } from '../platform/event-stream.js';
import { eventually } from '../platform/eventually.js';
import type { Platform } from '../platform/platform-process.js';

interface Reading {
  metric: string;
  value: unknown;
  quality: string[];
  observedAt: string;
  revision: number;
}
interface Alert {
  id: string;
  status: string;
  severity: string;
  titles: { en: string };
  device: { id: string };
  timeline: { kind: string; detail: Record<string, unknown> }[];
}

const minute = 60_000;

/** A real platform in processes of its own, whatever its engines. */
export interface PromisingPlatform extends Platform {
  readonly mqttUrl: string;
  /** Resolves when it is ready. */
  start(): Promise<void>;
  /** Ends all of it at once. */
  kill(): Promise<void>;
  remove(): Promise<void>;
}

/** One platform for all. */
let platform: PromisingPlatform;
let api: ApiClient;
const clients: MqttClient[] = [];

/** What the platform promises to devices and people, on any engines. `open` prepares a platform; nothing runs yet. */
export function describePromises(open: () => Promise<PromisingPlatform>): void {
  beforeAll(async () => {
    platform = await open();
    await platform.start();
    api = await ApiClient.logIn(platform);
  }, 180_000);

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.endAsync(true)));
    await platform?.remove();
  }, 60_000);

  describe('order', describeOrder);
  describe('event time', describeEventTime);
  describe('fire', describeFire);
  describe('live', describeLive);
  describe('who may no longer', describeWhoMayNoLonger);
  describe('silence', describeSilence);
}

/** A registered and connected device that speaks canonical JSON at QoS 1. */
class Device {
  private constructor(
    readonly id: string,
    readonly client: MqttClient,
  ) {}

  static async connect(id: string, productId: string, more: object = {}): Promise<Device> {
    const body = { id, name: id, productId, ...more };
    const { secret } = await api.call<{ secret: string }>('POST', '/api/v1/devices', body);
    const options = { clientId: id, username: id, password: secret, protocolVersion: 4, reconnectPeriod: 0 } as const;
    const client = await mqtt.connectAsync(platform.mqttUrl, options);
    clients.push(client);
    return new Device(id, client);
  }

  /** Resolves with the PUBACK. */
  async say(values: object, more: object = {}): Promise<void> {
    await this.client.publishAsync(`devices/${this.id}/telemetry`, JSON.stringify({ ...more, values }), { qos: 1 });
  }

  async history(metric: string, from = Date.now() - 30 * 24 * 60 * minute): Promise<Reading[]> {
    const path = `/api/v1/devices/${this.id}/readings?metric=${metric}&from=${new Date(from).toISOString()}`;
    return (await api.call<{ items: Reading[] }>('GET', path)).items;
  }

  async alerts(title?: string): Promise<Alert[]> {
    const { items } = await api.call<{ items: Alert[] }>('GET', `/api/v1/alerts?device=${this.id}`);
    return items.filter(({ titles }) => title === undefined || titles.en === title);
  }

  alert(title: string, status = 'open'): Promise<Alert> {
    return eventually(
      async () => (await this.alerts(title)).find((one) => one.status === status),
      `${status} ${title}`,
    );
  }

  /** Says something harmless and waits until all before it has been judged and handled: an alert of its own tells. */
  async settle(): Promise<void> {
    await this.say({ tamper: true });
    const { id } = await this.alert('Device tampered with');
    await api.call('POST', `/api/v1/alerts/${id}/clear`, { reason: 'was ours' });
    await this.say({ tamper: false });
  }

  async presence(): Promise<{ online: boolean; since: string | null; cause: string | null }> {
    const path = `/api/v1/devices/${this.id}`;
    return (await api.call<{ presence: { online: boolean; since: string | null; cause: string | null } }>('GET', path))
      .presence;
  }

  becomes(online: boolean): Promise<string> {
    return eventually(
      async () => {
        const presence = await this.presence();
        return presence.online === online ? (presence.cause ?? '') : undefined;
      },
      `${this.id} ${online ? 'online' : 'offline'}`,
    );
  }
}

function describeOrder(): void {
  it('is kept per device from publish to alert', async () => {
    const detector = await Device.connect('order-1', 'fire-detector');
    // Not awaited in between: all of it is on its way at once.
    const said = Array.from({ length: 10 }, (_, n) =>
      detector.say({ fire: n % 2 === 0 }, { seq: n + 1, time: Date.now() + n }),
    );
    await Promise.all(said);
    const alerts = await eventually(async () => {
      const found = await detector.alerts('Fire alarm');
      return found.length === 5 && found.every(({ status }) => status === 'cleared') ? found : undefined;
    }, 'five alarms, each cleared');
    for (const { id } of alerts) {
      const { timeline } = await api.call<Alert>('GET', `/api/v1/alerts/${id}`);
      expect(timeline.map(({ kind }) => kind)).toEqual(['raised', 'cleared']);
    }
    expect((await detector.history('fire')).map(({ value }) => value)).toEqual(
      Array.from({ length: 10 }, (_, n) => n % 2 === 0),
    );
  });
}

function describeEventTime(): void {
  it('late data raises nothing live, and is in history and in nobody’s latest', async () => {
    const detector = await Device.connect('late-1', 'fire-detector');
    await detector.say({ fire: false });
    const day = 24 * 60 * minute;
    await detector.say({ fire: true }, { time: Date.now() - 3 * day });
    await detector.settle();
    expect(await detector.alerts('Fire alarm')).toEqual([]);
    const values = await eventually(async () => {
      const rows = await detector.history('fire');
      return rows.length === 2 ? rows.map(({ value }) => value) : undefined;
    }, 'both readings');
    expect(values).toEqual([true, false]);
    const { readings } = await api.call<{ readings: Reading[] }>(
      'GET',
      `/api/v1/devices/${detector.id}/readings/latest`,
    );
    expect(readings.find(({ metric }) => metric === 'fire')?.value).toBe(false);
  });

  it.each([
    ['stands at 1970', 0],
    ['runs in 2099', 4_077_000_000_000],
  ])('a smoke alarm whose clock %s alarms', async (what, time) => {
    const detector = await Device.connect(`clock-${what.replaceAll(' ', '-')}`, 'fire-detector');
    await detector.say({ fire: true }, { time });
    await detector.alert('Fire alarm');
    const [reading] = await detector.history('fire');
    expect(reading?.quality).toContain('clock_suspect');
  });

  it('a meter whose clock fell back to 2000 sends several readings in one message: all are in history, the last is latest', async () => {
    const meter = await Device.connect('clock-fell-back', 'water-meter');
    const reports = [100, 101, 102].map((total, hour) => ({
      time: Date.UTC(2000, 0, 1, hour),
      values: { 'metering.water.total': total },
    }));
    await meter.client.publishAsync(`devices/${meter.id}/telemetry`, JSON.stringify(reports), { qos: 1 });
    const { readings } = await eventually(async () => {
      const found = await api.call<{ readings: Reading[] }>('GET', `/api/v1/devices/${meter.id}/readings/latest`);
      return found.readings.length > 0 ? found : undefined;
    }, 'the latest reading');
    expect(readings.map(({ value }) => value)).toEqual([102]);
    const rows = await meter.history('metering.water.total');
    expect(rows.map(({ value, quality }) => [value, quality])).toEqual([
      [100, ['clock_suspect']],
      [101, ['clock_suspect']],
      [102, ['clock_suspect']],
    ]);
  });

  it('a correction with a higher revision wins in history, in whatever order it comes', async () => {
    const meter = await Device.connect('corrected-1', 'water-meter');
    const total = (value: number, at: number, revision?: number) =>
      meter.say(
        { 'metering.water.total': value },
        { time: at, seq: at % 1_000_000, ...(revision === undefined ? {} : { revision }) },
      );
    const first = Date.now() - 20 * minute;
    const second = Date.now() - 10 * minute;
    await total(100, first);
    await total(150, first, 1);
    await total(250, second, 2);
    await total(200, second);
    await total(300, Date.now());
    const rows = await eventually(async () => {
      const found = await meter.history('metering.water.total');
      return found.some(({ value }) => value === 300) ? found : undefined;
    }, 'the last reading');
    expect(rows.map(({ value }) => value)).toEqual([150, 250, 300]);
  });
}

function describeFire(): void {
  it('in two detectors of one building escalates, and detectors of two buildings do not', async () => {
    const at = async (building: string) =>
      (await api.call<{ id: string }>('POST', '/api/v1/installations', { name: building, building })).id;
    const [tower, school] = [await at('tower'), await at('school')];
    const one = await Device.connect('tower-1', 'fire-detector', { installationId: tower });
    const two = await Device.connect('tower-2', 'fire-detector', { installationId: tower });
    const elsewhere = await Device.connect('school-1', 'fire-detector', { installationId: school });
    const joint = async () => {
      const { items } = await api.call<{ items: Alert[] }>('GET', '/api/v1/alerts?limit=500');
      return items.filter(({ titles }) => titles.en === 'Two detectors alarm in one building');
    };
    await one.say({ fire: true });
    await elsewhere.say({ fire: true });
    await one.alert('Fire alarm');
    await elsewhere.alert('Fire alarm');
    await one.settle();
    expect(await joint()).toEqual([]);
    await two.say({ fire: true });
    const [alert] = await eventually(async () => ((await joint()).length > 0 ? joint() : undefined), 'the joint alert');
    expect(alert?.severity).toBe('critical');
    await two.alert('Fire alarm');
    expect(await joint()).toHaveLength(1);
    for (const detector of [one, two]) await detector.say({ fire: false });
    await eventually(
      async () => (await joint()).find(({ status }) => status === 'cleared'),
      'the end of the joint alert',
    );
  });

  it('that is a test is none, and does not end a real one', async () => {
    const detector = await Device.connect('tested-1', 'fire-detector');
    await detector.say({ test: true, fire: false });
    await detector.say({ test: true });
    await detector.settle();
    expect(await detector.alerts('Fire alarm')).toEqual([]);
    await detector.say({ fire: true, test: false });
    const { id } = await detector.alert('Fire alarm');
    await detector.say({ test: true, fire: false });
    await detector.settle();
    expect((await detector.alerts('Fire alarm')).map((one) => [one.id, one.status])).toEqual([[id, 'open']]);
    await detector.say({ test: false, fire: false });
    await detector.alert('Fire alarm', 'cleared');
  });
}

function describeLive(): void {
  it('a reading and an alert are seen as they happen', async () => {
    const { token } = await api.call<{ token: string }>('POST', '/api/v1/sessions', {
      login: 'admin',
      password: platform.adminPassword(),
    });
    const detector = await Device.connect('live-1', 'fire-detector');
    const readings = await EventStream.open<{ deviceId: string; readings: Reading[] }>(
      `${platform.url}/api/v1/readings/stream?device=${detector.id}`,
      token,
    );
    const alerts = await EventStream.open<{ data: { device: { id: string } } }>(
      `${platform.url}/api/v1/alerts/stream`,
      token,
    );
    await detector.say({ fire: true });
    const reading = await readings.find(() => true, 'a live reading');
    expect(reading.data).toMatchObject({ deviceId: detector.id, readings: [{ metric: 'fire', value: true }] });
    const alert = await alerts.find(({ data }) => data.data.device.id === detector.id, 'a live alert');
    expect(alert.event).toBe('alert.raised');
    const begun = performance.now();
    expect(
      (
        await fetch(`${platform.url}/api/v1/sessions/current`, {
          method: 'DELETE',
          headers: { authorization: `Bearer ${token}` },
        })
      ).status,
    ).toBeLessThan(300);
    await Promise.all([readings.ended, alerts.ended]);
    expect(performance.now() - begun).toBeLessThan(8_000);
  });
}

function describeWhoMayNoLonger(): void {
  it.each([
    ['is disabled', 'POST', '/disable'],
    ['is retired', 'DELETE', ''],
    ['has lost its secret', 'POST', '/secret'],
  ])('a device that %s loses its connection within 5 s', async (what, method, path) => {
    const device = await Device.connect(`gone-${what.replaceAll(' ', '-')}`, 'water-meter');
    await device.say({ flowRate: 1 });
    const closed = new Promise<void>((resolve) => {
      device.client.once('close', () => resolve());
    });
    const begun = performance.now();
    await api.call(
      method,
      `/api/v1/devices/${device.id}${path}`,
      path === '/secret' ? { overlapSeconds: 0 } : undefined,
    );
    await closed;
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('a user who is disabled is out within 5 s', async () => {
    const made = await api.call<{ id: string; password: string }>('POST', '/api/v1/users', {
      login: 'leaving',
      name: 'leaving',
      roles: ['operator'],
    });
    const leaving = await ApiClient.logIn(platform, 'leaving', made.password);
    expect((await leaving.ask('GET', '/api/v1/devices')).status).toBe(200);
    const begun = performance.now();
    await api.call('PATCH', `/api/v1/users/${made.id}`, { disabled: true });
    await eventually(async () => (await leaving.ask('GET', '/api/v1/devices')).status === 401 || undefined, 'the end');
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('who guesses a password five times is locked out, with the right one too', async () => {
    const made = await api.call<{ password: string }>('POST', '/api/v1/users', {
      login: 'guessed',
      name: 'guessed',
      roles: ['operator'],
    });
    const logIn = (password: string) =>
      api.ask<{ code: string }>('POST', '/api/v1/sessions', { login: 'guessed', password });
    for (let n = 0; n < 5; n += 1) expect((await logIn(`wrong password ${n}`)).status).toBe(401);
    const locked = await logIn(made.password);
    expect([locked.status, locked.body.code]).toEqual([429, 'login_locked']);
    expect((await api.ask('GET', '/api/v1/me')).status).toBe(200);
  });
}

function describeSilence(): void {
  it('is offline, and a word is online again', async () => {
    const meter = await Device.connect('silent-1', 'water-meter', { expectedIntervalMs: 1_000 });
    await meter.say({ flowRate: 1 });
    await meter.becomes(true);
    expect(await meter.becomes(false)).toBe('silence');
    await meter.say({ flowRate: 1 });
    await meter.becomes(true);
  });

  it('of the platform is nobody’s: a restart makes no false offline, nor a silent-device alert', async () => {
    const meter = await Device.connect('restarted-1', 'water-meter', { expectedIntervalMs: 4_000 });
    await meter.say({ flowRate: 1 });
    await meter.becomes(true);
    const { since } = await meter.presence();
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    await platform.kill();
    // Longer than the device may be silent for: 2.5 intervals.
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    await platform.start();
    api = await ApiClient.logIn(platform);
    expect(await meter.presence()).toMatchObject({ online: true, since });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await meter.presence()).toMatchObject({ online: true, since });
    // And a device that is really gone is found out, counted from the time the platform listens again.
    expect(await meter.becomes(false)).toBe('silence');
    expect(await meter.alerts('Device silent')).toEqual([]);
  }, 90_000);
}
