import { Inject, Injectable } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { type ValidationError, validate } from 'class-validator';
import type { Principal } from '#libs/access';
import { canonicalDeviceId } from '#libs/contracts';
import { DATABASE, type Database } from '#libs/registry-db';
import { conflict, PlatformError, validationFailed } from '#libs/runtime';
import { type ProductRow, ProductsRepository } from '../products/products.repository.js';
import { owningTenant } from '../tenancy.js';
import { generateDeviceSecret } from './device-secret.js';
import { type BatchOutcome, NewDevice } from './devices.dto.js';
import { DevicesRepository, type NewDeviceRow } from './devices.repository.js';

/** Registers devices, one or up to a thousand at once, each with a secret that is shown once. */
@Injectable()
export class DeviceRegistration {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(DevicesRepository) private readonly repository: DevicesRepository,
    @Inject(ProductsRepository) private readonly products: ProductsRepository,
  ) {}

  /** Answers the secret. Throws 400 where something it names does not exist, 409 `device_id_taken`. */
  async register(principal: Principal, body: NewDevice): Promise<string> {
    const [outcome] = await this.registerAll(principal, [body]);
    if (outcome?.outcome === 'exists') throw conflict('device_id_taken', `id: "${body.id}" is registered already.`);
    if (outcome?.secret === undefined) {
      const problem = outcome?.problem ?? '';
      const [field = '', ...rest] = problem.split(': ');
      throw validationFailed([{ field, problem: rest.join(': ') }]);
    }
    return outcome.secret;
  }

  /** In one transaction; each device with its outcome, in the order sent. */
  async registerBatch(principal: Principal, documents: readonly object[]): Promise<BatchOutcome[]> {
    const bodies = await Promise.all(documents.map((document) => readDevice(document)));
    const readable = bodies.filter((body) => body instanceof NewDevice);
    const outcomes = await this.registerAll(principal, readable);
    let next = 0;
    return bodies.map((body) => (body instanceof NewDevice ? (outcomes[next++] as BatchOutcome) : body));
  }

  private async registerAll(principal: Principal, bodies: readonly NewDevice[]): Promise<BatchOutcome[]> {
    const lookup = await this.lookUp(principal, bodies);
    const outcomes: BatchOutcome[] = [];
    const rows = new Map<string, { row: NewDeviceRow; outcome: BatchOutcome }>();
    for (const body of bodies) {
      const outcome: BatchOutcome = { id: body.id, outcome: 'exists' };
      outcomes.push(outcome);
      const id = canonicalDeviceId(body.id);
      if (rows.has(id)) continue;
      const problem = lookup.problemOf(body);
      if (problem) {
        outcome.outcome = 'invalid';
        outcome.problem = problem;
        continue;
      }
      const { secret, secretHash } = generateDeviceSecret();
      outcome.secret = secret;
      rows.set(id, { row: { ...lookup.rowOf(body), id, secretHash }, outcome });
    }
    const inserted = await this.repository.insert([...rows.values()].map(({ row }) => row));
    for (const [id, { outcome }] of rows) {
      if (inserted.has(id)) outcome.outcome = 'created';
      else delete outcome.secret;
    }
    return outcomes;
  }

  /** Reads once what all the bodies name. */
  private async lookUp(principal: Principal, bodies: readonly NewDevice[]): Promise<Lookup> {
    const lookup = new Lookup(principal.tenantKey);
    for (const id of new Set(bodies.map((body) => body.productId))) {
      const product = await this.products.find(principal, id);
      if (product) lookup.products.set(id, product);
    }
    for (const tenantId of new Set(bodies.map((body) => body.tenantId ?? principal.tenantKey))) {
      const own = bodies.filter((body) => (body.tenantId ?? principal.tenantKey) === tenantId);
      try {
        await owningTenant(this.database, principal, tenantId);
      } catch (error) {
        if (!(error instanceof PlatformError)) throw error;
        lookup.tenantProblems.set(tenantId, error.detail);
        continue;
      }
      const places = own.flatMap((body) => body.installationId ?? []);
      for (const key of await this.repository.installations(tenantId, places))
        lookup.installations.add(`${tenantId}/${key}`);
      const gateways = own.flatMap((body) => (body.gatewayId ? canonicalDeviceId(body.gatewayId) : []));
      for (const [id, key] of await this.repository.keysOf(tenantId, gateways))
        lookup.gateways.set(`${tenantId}/${id}`, key);
    }
    return lookup;
  }
}

/** What the bodies of one request name, as far as it exists. */
class Lookup {
  readonly products = new Map<string, ProductRow>();
  readonly tenantProblems = new Map<string, string>();
  readonly installations = new Set<string>();
  readonly gateways = new Map<string, string>();

  constructor(private readonly ownTenantKey: string) {}

  problemOf(body: NewDevice): string | undefined {
    const tenantKey = body.tenantId ?? this.ownTenantKey;
    const product = this.products.get(body.productId);
    if (!product) return `productId: no product has the id "${body.productId}".`;
    if (product.currentVersion === null)
      return `productId: "${body.productId}" has no published version yet. Publish one first.`;
    const tenantProblem = this.tenantProblems.get(tenantKey);
    if (tenantProblem) return tenantProblem;
    if (body.installationId && !this.installations.has(`${tenantKey}/${body.installationId}`)) {
      return `installationId: the tenant has no installation "${body.installationId}".`;
    }
    if (body.gatewayId && !this.gatewayKey(tenantKey, body.gatewayId)) {
      return `gatewayId: the tenant has no device "${body.gatewayId}".`;
    }
    return undefined;
  }

  rowOf(body: NewDevice): Omit<NewDeviceRow, 'id' | 'secretHash'> {
    const tenantKey = body.tenantId ?? this.ownTenantKey;
    return {
      tenantKey,
      productKey: this.products.get(body.productId)?.key ?? '',
      installationKey: body.installationId ?? null,
      parentKey: body.gatewayId ? (this.gatewayKey(tenantKey, body.gatewayId) ?? null) : null,
      name: body.name,
      status: 'registered',
      tags: body.tags ?? {},
      settings: body.settings ?? {},
      expectedIntervalMs: body.expectedIntervalMs ?? null,
    };
  }

  private gatewayKey(tenantKey: string, id: string): string | undefined {
    return this.gateways.get(`${tenantKey}/${canonicalDeviceId(id)}`);
  }
}

async function readDevice(document: object): Promise<NewDevice | BatchOutcome> {
  const body = plainToInstance(NewDevice, document);
  const errors = await validate(body, { whitelist: true, forbidNonWhitelisted: true });
  if (errors.length === 0) return body;
  const id = (document as { id?: unknown }).id;
  return {
    id: typeof id === 'string' ? id.slice(0, 100) : '',
    outcome: 'invalid',
    problem: errors.flatMap(problemsOf).join('; '),
  };
}

function problemsOf(error: ValidationError): string[] {
  return Object.values(error.constraints ?? {}).map((problem) => `${error.property}: ${problem}`);
}
