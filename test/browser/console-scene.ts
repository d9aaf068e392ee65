import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { ApiClient } from '../platform/api-client.js';
import { eventually } from '../platform/eventually.js';
import { PlatformProcess } from '../platform/platform-process.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import { type ConsoleBrowser, type ConsoleWindow, type Language, launchBrowser } from './console-browser.js';

/** The first administrator's password once they have chosen their own. */
export const adminPassword = 'tin harbour ladder 42';

/** A device that the scene speaks for. */
export interface SceneDevice {
  id: string;
  /** Publishes canonical JSON, or bytes as they are, and waits for the acknowledgement. */
  tell(values: Record<string, unknown> | string): Promise<void>;
}

/** A real platform with a browser before it, a simulated fleet behind it and a consumer of webhooks beside it. */
export class ConsoleScene {
  private readonly clients: MqttClient[] = [];
  private fleet: ChildProcess | undefined;
  /** Set once the administrator has logged in. */
  api!: ApiClient;

  private constructor(
    readonly platform: PlatformProcess,
    readonly browser: ConsoleBrowser,
    readonly desk: WebhookDesk,
  ) {}

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<ConsoleScene> {
    const platform = await PlatformProcess.create({ NOTIFIER_ALLOW_LOOPBACK: 'true', ...settings });
    const [browser, desk] = await Promise.all([launchBrowser(), WebhookDesk.open(), platform.start()]);
    return new ConsoleScene(platform, browser, desk);
  }

  /** Logs the administrator in by the browser for the first time, which makes them choose a password. */
  async firstLogIn(language: Language): Promise<ConsoleWindow> {
    const window = await this.browser.open(this.platform.url, { language });
    await window.logIn('admin', this.platform.adminPassword(), adminPassword);
    await this.renewApi();
    return window;
  }

  /** A new session for `api`, where the one before may have ended. */
  async renewApi(): Promise<void> {
    this.api = await ApiClient.logIn(this.platform, 'admin', adminPassword);
  }

  /** Registers a device and connects it over MQTT, as itself. */
  async device(id: string, productId: string): Promise<SceneDevice> {
    const { secret } = await this.api.call<{ secret: string }>('POST', '/api/v1/devices', { id, name: id, productId });
    const client = await mqtt.connectAsync(this.platform.mqttUrl, {
      clientId: id,
      username: id,
      password: secret,
      protocolVersion: 4,
    });
    this.clients.push(client);
    return {
      id,
      tell: async (values) => {
        const payload = typeof values === 'string' ? values : JSON.stringify({ values });
        await client.publishAsync(`devices/${id}/telemetry`, payload, { qos: 1 });
      },
    };
  }

  /** Starts the simulator: a fleet of its own that reports until the scene ends. Waits for its first readings. */
  async simulate(...options: string[]): Promise<void> {
    const address = ['--data-dir', this.platform.dataDir, '--password', adminPassword];
    this.fleet = spawn(process.execPath, [join('dist', 'devices-sim', 'main.js'), ...address, ...options], {
      stdio: 'ignore',
    });
    await eventually(
      async () => {
        const { items } = await this.api.call<{ items: object[] }>('GET', '/api/v1/devices?limit=5&online=true');
        return items.length === 5 ? true : undefined;
      },
      'a simulated fleet',
      60_000,
    );
  }

  /** What every page of the console needs to have something to show. */
  async furnish(): Promise<void> {
    const { id } = await this.api.call<{ id: string }>('POST', '/api/v1/endpoints', {
      name: '城管平台 city management',
      url: this.desk.url,
    });
    await this.api.call('POST', `/api/v1/endpoints/${id}/test`);
    await this.api.call('POST', '/api/v1/api-keys', { name: 'city brain', roles: ['operator'] });
    await this.api.call('POST', '/api/v1/products', {
      id: 'acme-manhole',
      name: { zh: '智能井盖', en: 'Smart manhole cover' },
      domain: 'manhole',
      thingModel: {
        properties: [
          {
            identifier: 'tilt',
            name: { zh: '倾角', en: 'Tilt' },
            type: 'number',
            kind: 'gauge',
            unit: 'deg',
            range: [0, 180],
          },
        ],
        events: [],
        commands: [],
      },
      decoder: {
        kind: 'codec',
        script: 'function decodeUplink(input) { return { data: { tilt: input.bytes[0] } }; }',
        mapping: [{ field: 'tilt', metric: 'tilt' }],
      },
      expectedIntervalMs: 3_600_000,
      goldenFrames: [{ name: 'level', kind: 'up', hex: '05', expected: { tilt: 5 } }],
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.endAsync(true)));
    if (this.fleet && this.fleet.exitCode === null) {
      const ended = once(this.fleet, 'exit');
      this.fleet.kill('SIGKILL');
      await ended;
    }
    await this.browser.close();
    this.desk.stop();
    await this.platform.remove();
  }
}
