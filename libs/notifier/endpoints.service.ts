import { Inject } from '@nestjs/common';
import { validate as isUuid, v7 } from 'uuid';
import { type Principal, tenantScope } from '#libs/access';
import {
  CLOCK,
  type Clock,
  decodeCursor,
  invalid,
  type Page,
  type PageQuery,
  requireRevision,
  toPage,
} from '#libs/runtime';
import { DeliveryQueueRepository, type EndpointRow, type Queued } from './delivery-queue.repository.js';
import { testEventType } from './endpoint.js';
import { EndpointSecrets, rotationOverlapMs } from './endpoint-secrets.js';
import { endpointView } from './endpoint-views.js';
import type {
  CreateEndpoint,
  EndpointView,
  EndpointWithEvents,
  EndpointWithSecret,
  UpdateEndpoint,
} from './endpoints.dto.js';
import { EndpointsRepository } from './endpoints.repository.js';
import { endpointNotFound, tenantNotFound, tooManyEndpoints } from './notifier.errors.js';
import { UrlCheck } from './url-check.js';

const maxEndpointsPerTenant = 100;

/** What people do with endpoints. */
export class EndpointsService {
  constructor(
    @Inject(EndpointsRepository) private readonly endpoints: EndpointsRepository,
    @Inject(DeliveryQueueRepository) private readonly queue: DeliveryQueueRepository,
    @Inject(EndpointSecrets) private readonly secrets: EndpointSecrets,
    @Inject(UrlCheck) private readonly urls: UrlCheck,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(principal: Principal, query: PageQuery): Promise<Page<EndpointView>> {
    const cursor = decodeCursor(query.cursor, 1)?.[0];
    const after = cursor === undefined ? undefined : String(cursor);
    if (after !== undefined && !isUuid(after)) throw invalid('cursor_invalid', 'cursor: not one this list gave.');
    const rows = await this.endpoints.list(tenantScope(principal), after, query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.key], endpointView);
  }

  async get(principal: Principal, id: string): Promise<EndpointWithEvents> {
    const row = await this.find(principal, id);
    const events = await this.endpoints.events(id);
    return {
      ...endpointView(row),
      events: events.map(({ kind, at, detail }) => ({ kind, at: at.toISOString(), detail })),
      pendingDeliveries: await this.endpoints.pending(id),
    };
  }

  /** The one time that the secret is shown. */
  async create(principal: Principal, body: CreateEndpoint): Promise<EndpointWithSecret> {
    const { tenantId, ...settings } = body;
    const tenantKey = tenantId ?? principal.tenantKey;
    const visible = principal.allTenants || tenantKey === principal.tenantKey;
    if (!visible || !(await this.endpoints.tenantExists(tenantKey))) throw tenantNotFound(tenantKey);
    const url = await this.urls.check(settings.url, tenantKey);
    if ((await this.endpoints.count(tenantKey)) >= maxEndpointsPerTenant) throw tooManyEndpoints(maxEndpointsPerTenant);
    const key = v7();
    const { secret, sealed } = this.secrets.create(key);
    const row = await this.endpoints.insert({
      key,
      tenantKey,
      name: settings.name,
      url,
      status: settings.validationHandshake ? 'validating' : 'active',
      eventTypes: settings.eventTypes ?? [],
      severities: settings.severities ?? [],
      domains: settings.domains ?? [],
      secret: sealed,
      validationHandshake: settings.validationHandshake ?? false,
      createdAt: new Date(this.clock.now()),
    });
    return { ...endpointView(row), secret };
  }

  /** Changes what is given. Enabling, and a new URL, asks for the handshake again where the endpoint wants it. */
  async update(
    principal: Principal,
    id: string,
    expected: number | undefined,
    body: UpdateEndpoint,
  ): Promise<EndpointView> {
    const { enabled, url: wanted, ...settings } = given(body);
    const found = await this.find(principal, id);
    const url = wanted === undefined ? found.url : await this.urls.check(wanted, found.tenantKey);
    return await this.queue.inTransaction(async (transaction) => {
      const row = await this.endpoints.lock(transaction, id, tenantScope(principal));
      if (!row) throw endpointNotFound(id);
      requireRevision(expected, row.revision);
      const next = statusAfter(row, enabled, url, settings.validationHandshake ?? row.validationHandshake);
      const fresh =
        next.status !== row.status && row.status === 'disabled' ? { consecutiveFailures: 0, pausedUntil: null } : {};
      const after = await this.endpoints.update(transaction, row, { ...settings, url, ...next, ...fresh });
      if (after.status !== row.status && enabled !== undefined) {
        const kind = enabled ? 'enabled' : 'disabled';
        const at = new Date(this.clock.now());
        await this.endpoints.addEvent(transaction, { endpointKey: id, kind, at, detail: `by ${principal.name}` });
      }
      return endpointView(after);
    });
  }

  /** Removes an endpoint and everything that was to be, or has been, delivered to it. */
  async remove(principal: Principal, id: string, expected: number | undefined): Promise<void> {
    if (!isUuid(id)) throw endpointNotFound(id);
    await this.queue.inTransaction(async (transaction) => {
      const row = await this.endpoints.lock(transaction, id, tenantScope(principal));
      if (!row) throw endpointNotFound(id);
      requireRevision(expected, row.revision);
      await this.endpoints.remove(transaction, id);
    });
  }

  /** A new secret, shown this once; the old one signs beside it for 24 hours. */
  async rotate(principal: Principal, id: string): Promise<EndpointWithSecret> {
    if (!isUuid(id)) throw endpointNotFound(id);
    const { secret, sealed } = this.secrets.create(id);
    return await this.queue.inTransaction(async (transaction) => {
      const row = await this.endpoints.lock(transaction, id, tenantScope(principal));
      if (!row) throw endpointNotFound(id);
      const previousSecretUntil = new Date(this.clock.now() + rotationOverlapMs);
      const change = { secret: sealed, previousSecret: row.secret, previousSecretUntil };
      return { ...endpointView(await this.endpoints.update(transaction, row, change)), secret };
    });
  }

  /** Queues a test event, in nobody's way; answers with its delivery's id. */
  async test(principal: Principal, id: string): Promise<string> {
    if (!isUuid(id)) throw endpointNotFound(id);
    const now = this.clock.now();
    return await this.queue.inTransaction(async (transaction) => {
      const row = await this.endpoints.lock(transaction, id, tenantScope(principal));
      if (!row) throw endpointNotFound(id);
      const ping = testEvent(row, principal.name, now);
      const [key] = await this.queue.enqueue(transaction, [row], [ping], now, () => true);
      return key as string;
    });
  }

  private async find(principal: Principal, id: string): Promise<EndpointRow> {
    const row = isUuid(id) ? await this.endpoints.find(id, tenantScope(principal)) : undefined;
    if (!row) throw endpointNotFound(id);
    return row;
  }
}

/** null is the same as leaving a field out: none of them can be unset. */
function given(body: UpdateEndpoint): UpdateEndpoint {
  return Object.fromEntries(
    Object.entries(body).filter(([, value]) => value !== null && value !== undefined),
  ) as unknown as UpdateEndpoint;
}

function statusAfter(
  row: EndpointRow,
  enabled: boolean | undefined,
  url: string,
  handshake: boolean,
): { status: EndpointRow['status']; statusReason: string } {
  if (enabled === false) return { status: 'disabled', statusReason: 'switched off' };
  const on = enabled === true ? row.status === 'disabled' : row.status !== 'disabled' && url !== row.url;
  if (!on) return { status: row.status, statusReason: row.statusReason };
  return { status: handshake ? 'validating' : 'active', statusReason: '' };
}

function testEvent(endpoint: EndpointRow, by: string, now: number): Queued {
  const id = v7();
  const body = {
    specversion: '1.0',
    id,
    source: 'urn:citysense:notifier',
    type: testEventType,
    subject: `endpoints/${endpoint.key}`,
    time: new Date(now).toISOString(),
    datacontenttype: 'application/json',
    data: { endpoint: { id: endpoint.key, name: endpoint.name }, by },
  };
  return {
    id,
    tenantKey: endpoint.tenantKey,
    // A queue of its own: a test waits for nothing, and nothing waits for it.
    alertKey: id,
    type: testEventType,
    body: JSON.stringify(body),
    severity: undefined,
    domain: undefined,
  };
}
