import type { Role } from '#libs/access';
import { startTestApi, type TestApi, type TestTenant } from '#libs/access/testing';
import { AlertsApiModule, AlertsStageModule } from '#libs/alerts';
import { DeadLettersApiModule, DeadLettersStageModule } from '#libs/dead-letters';
import {
  CommandsApiModule,
  CommandsStageModule,
  DevicesApiModule,
  DevicesModule,
  PresenceStageModule,
} from '#libs/devices';
import { GatewayAddresses, GatewayModule } from '#libs/gateway';
import { MessagesApiModule } from '#libs/messages';
import { NormaliserApiModule, NormaliserStageModule } from '#libs/normaliser';
import { NotifierApiModule, NotifierStageModule } from '#libs/notifier';
import { OverviewApiModule } from '#libs/overview';
import { ReadingsApiModule, ReadingsStageModule } from '#libs/readings';
import { RulesApiModule, RulesStageModule } from '#libs/rules';
import type { Environment } from '#libs/runtime';
import { StreamModule, StreamServer } from '#libs/stream';
import { TelemetryStoreModule } from '#libs/telemetry-store';
import { eventually } from '../platform/eventually.js';

/** Every module of all-in-one in this very process, on free ports and a data folder of its own. */
export interface FlowPlatform {
  api: TestApi;
  mqttUrl: string;
  /** Posts as the device would, over HTTP; throws where the platform does not take it. */
  report(device: FlowDevice, payload: string | Uint8Array, topic?: string): Promise<void>;
  stop(): Promise<void>;
}

/** A registered device. */
export interface FlowDevice {
  id: string;
  secret: string;
}

const modules = [
  StreamModule,
  TelemetryStoreModule,
  DevicesModule,
  DevicesApiModule,
  CommandsApiModule,
  CommandsStageModule,
  PresenceStageModule,
  GatewayModule,
  NormaliserStageModule,
  NormaliserApiModule,
  ReadingsStageModule,
  ReadingsApiModule,
  RulesStageModule,
  RulesApiModule,
  AlertsStageModule,
  AlertsApiModule,
  NotifierStageModule,
  NotifierApiModule,
  DeadLettersStageModule,
  DeadLettersApiModule,
  MessagesApiModule,
  OverviewApiModule,
];

/** Starts all modules of the platform; stages run on the real stream, devices and people come over the network. */
export async function startFlowPlatform(environment: Environment = {}): Promise<FlowPlatform> {
  const api = await startTestApi(modules, {
    environment: {
      GATEWAY_HOST: '127.0.0.1',
      MQTT_PORT: '0',
      INGEST_PORT: '0',
      NOTIFIER_ALLOW_LOOPBACK: 'true',
      HTTP_RATE_PER_ADDRESS: '1000000',
      HTTP_RATE_PER_TOKEN: '1000000',
      ...environment,
    },
  });
  const stages = api.app.get(StreamServer, { strict: false });
  api.app.connectMicroservice({ strategy: stages });
  await api.app.startAllMicroservices();
  const { mqttPort, ingestPort } = api.app.get(GatewayAddresses, { strict: false });
  return {
    api,
    mqttUrl: `mqtt://127.0.0.1:${mqttPort}`,
    report: async ({ id, secret }, payload, topic = 'telemetry') => {
      const response = await fetch(`http://127.0.0.1:${ingestPort}/devices/${id}/${topic}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: payload as string,
      });
      if (response.status !== 202) throw new Error(`${id}: ${response.status} ${await response.text()}`);
    },
    stop: async () => {
      await stages.close();
      await api.stop();
    },
  };
}

/** Everything that one person may be at once: a refusal is then never for want of permission. */
export const manyRoles: readonly Role[] = [
  'system_administrator',
  'security_administrator',
  'operator',
  'vendor',
  'consumer',
];

/** One tenant's view of the API: answers are bodies, and whatever is refused throws. */
export class TenantClient {
  constructor(
    readonly api: TestApi,
    readonly tenant: Pick<TestTenant, 'token' | 'tenantKey' | 'userKey'>,
  ) {}

  async call<T = { id: string }>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.api.call<T>(method, `/api/v1${path}`, { token: this.tenant.token, body });
    if (answer.status < 400) return answer.body;
    throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  }

  async status(method: string, path: string, body?: unknown): Promise<number> {
    return (await this.api.call(method, `/api/v1${path}`, { token: this.tenant.token, body })).status;
  }

  async register(id: string, productId: string, more: object = {}): Promise<FlowDevice> {
    const { secret } = await this.call<FlowDevice>('POST', '/devices', { id, name: id, productId, ...more });
    return { id, secret };
  }

  /** The first item of a list, once there is one that fits. */
  first<T>(path: string, fits: (item: T) => boolean = () => true): Promise<T> {
    return eventually(async () => {
      const { items } = await this.call<{ items: T[] }>('GET', path);
      return items.find(fits);
    }, `an item of ${path}`);
  }
}
