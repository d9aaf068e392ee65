import { v7 } from 'uuid';
import { accessConfig, SecretBox } from '#libs/access';
import { encodeNotifications, type Notification } from '#libs/contracts';
import { type Database, Leases, webhookEndpoints } from '#libs/registry-db';
import { type Clock, createLogger, Lifecycle, Metrics, readConfig, runtimeConfig, Tracing } from '#libs/runtime';
import type { StreamLog } from '#libs/stream';
import { Attempts } from '../attempts.js';
import { DeliveryEngine } from '../delivery.engine.js';
import { DeliveryLoop } from '../delivery-loop.js';
import { DeliveryQueueRepository, type EndpointRow } from '../delivery-queue.repository.js';
import { Egress } from '../egress.js';
import { EndpointSecrets } from '../endpoint-secrets.js';
import { EndpointValidator } from '../endpoint-validator.js';
import { notifierConfig } from '../notifier.config.js';
import { NotifierStage } from '../notifier.stage.js';
import { NotifierUpkeep } from '../notifier-upkeep.js';
import { OutcomeRecorder } from '../outcome-recorder.js';
import { OutcomesRepository } from '../outcomes.repository.js';
import { UpkeepRepository } from '../upkeep.repository.js';
import { createResolver, type Resolve } from '../webhook/resolver.js';
import { WebhookTargetsRepository } from '../webhook-targets.repository.js';

export interface TestNotifierOptions {
  database: Database;
  stream: StreamLog;
  clock: Clock;
  /** Where the master key is kept. */
  dataDir: string;
  environment?: Record<string, string>;
  resolve?: Resolve;
}

/** The notifier on real engines, outside Nest; loopback is allowed unless told otherwise. */
export class TestNotifier {
  readonly metrics = new Metrics();
  readonly secrets: EndpointSecrets;
  readonly queue: DeliveryQueueRepository;
  readonly targets: WebhookTargetsRepository;
  readonly engine: DeliveryEngine;
  readonly stage: NotifierStage;
  readonly validator: EndpointValidator;
  readonly upkeep: NotifierUpkeep;
  private position = 0;

  constructor(private readonly options: TestNotifierOptions) {
    const { database, stream, clock, dataDir, environment, resolve = createResolver() } = options;
    const logger = createLogger('test', 'silent');
    const settings = { NOTIFIER_ALLOW_LOOPBACK: 'true', DATA_DIR: dataDir, ...environment };
    const config = readConfig(notifierConfig, settings);
    const box = new SecretBox(readConfig(accessConfig, settings), readConfig(runtimeConfig, settings));
    box.create();
    this.secrets = new EndpointSecrets(box);
    this.queue = new DeliveryQueueRepository(database);
    this.targets = new WebhookTargetsRepository(database, config, clock);
    const egress = new Egress(this.secrets, this.targets, config, clock, resolve);
    const outcomes = new OutcomesRepository(this.queue, config);
    const recorder = new OutcomeRecorder(outcomes, stream, logger, this.metrics);
    const upkeep = new UpkeepRepository(database);
    const leases = new Leases(database);
    this.engine = new DeliveryEngine(this.queue, recorder, new Attempts(egress, Tracing.off()), config, clock);
    const loop = new DeliveryLoop(this.engine, config, clock, logger, new Lifecycle(logger));
    this.stage = new NotifierStage(this.queue, loop, clock, this.metrics);
    this.validator = new EndpointValidator(upkeep, egress, config, clock, leases);
    this.upkeep = new NotifierUpkeep(upkeep, recorder, config, clock, leases, this.metrics);
  }

  /** An endpoint of a tenant, and its secret. */
  async addEndpoint(
    tenantKey: string,
    url: string,
    change: Partial<EndpointRow> = {},
  ): Promise<{ key: string; secret: string }> {
    const key = v7();
    const { secret, sealed } = this.secrets.create(key);
    await this.options.database.insert(webhookEndpoints).values({
      key,
      tenantKey,
      name: 'test',
      url,
      status: 'active',
      eventTypes: [],
      severities: [],
      domains: [],
      secret: sealed,
      validationHandshake: false,
      createdAt: new Date(this.options.clock.now()),
      ...change,
    });
    return { key, secret };
  }

  /** Hands notifications to the stage, as one entry of the stream. */
  async notify(...notifications: Notification[]): Promise<void> {
    await this.stage.handle({
      source: { stream: 'notifications', group: 'notifier', lane: 'urgent', partition: 0 },
      entries: [
        {
          position: ++this.position,
          appendedAt: this.options.clock.now(),
          messagesBefore: 0,
          data: encodeNotifications(notifications),
        },
      ],
    });
  }

  stop(): Promise<void> {
    return this.engine.stop(1_000);
  }
}

/** A notification as libs/alerts freezes it, in short. */
export function notificationOf(
  tenantKey: string,
  alertKey: string,
  change: { kind?: string; severity?: string; domain?: string; id?: string } = {},
): Notification {
  const { kind = 'raised', severity = 'critical', domain = 'fire', id = v7() } = change;
  const type = `cn.citysense.alert.${kind}`;
  const data = { alert: { id: alertKey }, severity, domain };
  const body = JSON.stringify({ specversion: '1.0', id, source: 'urn:test', type, data });
  return { id, sequence: 1, tenantKey, alertKey, type, at: 0, body };
}
