import { Inject, Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Principal } from '#libs/access';
import type { Lane } from '#libs/contracts';
import { CLOCK, type Clock, conflict, invalid, notFound, PlatformError } from '#libs/runtime';
import type { DecoderSpec, ThingModel } from '../thing-model.js';
import { GOLDEN_FRAME_CHECK, type GoldenFrame, type GoldenFrameCheck } from './golden-frames.js';
import { readProductDefinition } from './product-definition.js';
import type { NewProduct, NewProductVersion } from './products.dto.js';
import { type ProductRow, ProductsRepository, type ProductVersionRow } from './products.repository.js';

const urgentDomains = new Set(['fire', 'gas']);
const definitionFields = ['thingModel', 'decoder', 'expectedIntervalMs', 'goldenFrames'] as const;

/** Products: who may change them, and what must hold before a version is published. */
@Injectable()
export class ProductsService {
  constructor(
    @Inject(ProductsRepository) private readonly repository: ProductsRepository,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {}

  /** Throws 404 where it does not exist or is not to be seen. */
  async find(principal: Principal, id: string): Promise<ProductRow> {
    const product = await this.repository.find(principal, id);
    if (!product) throw notFound('product', id);
    return product;
  }

  async version(principal: Principal, product: ProductRow, version: number): Promise<ProductVersionRow> {
    const row = await this.repository.version(product.key, version);
    if (!row || (row.publishedAt === null && !owns(principal, product)))
      throw notFound('product_version', String(version));
    return row;
  }

  async create(principal: Principal, body: NewProduct): Promise<ProductRow> {
    const definition = readProductDefinition(definitionIn(body));
    if (body.tenantId !== undefined && body.tenantId !== principal.tenantKey && !principal.allTenants) {
      throw invalid('tenant_forbidden', 'tenantId: only who sees every tenant may name another one. Leave it out.');
    }
    const byDomain: Lane = urgentDomains.has(body.domain) ? 'urgent' : 'bulk';
    const lane = body.lane ?? byDomain;
    if (lane === 'urgent' && byDomain === 'bulk' && !principal.allTenants) {
      throw invalid(
        'lane_reserved',
        'lane: urgent is for life safety (fire, gas). Leave it out, or ask an administrator.',
      );
    }
    const product = await this.repository.create(
      {
        id: body.id,
        ownerTenantKey: body.tenantId ?? principal.tenantKey,
        nameZh: body.name.zh,
        nameEn: body.name.en,
        domain: body.domain,
        lane,
      },
      definition,
    );
    if (!product) throw conflict('product_id_taken', `id: "${body.id}" is taken. Choose another.`);
    return product;
  }

  async addVersion(principal: Principal, id: string, body: NewProductVersion): Promise<ProductVersionRow> {
    const product = await this.changeable(principal, id);
    return this.repository.addVersion(product.key, readProductDefinition(definitionIn(body)));
  }

  async replaceDraft(
    principal: Principal,
    id: string,
    version: number,
    body: NewProductVersion,
  ): Promise<ProductVersionRow> {
    const product = await this.changeable(principal, id);
    await this.version(principal, product, version);
    const row = await this.repository.replaceDraft(product.key, version, readProductDefinition(definitionIn(body)));
    if (!row) throw alreadyPublished(version);
    return row;
  }

  /** Throws 409 where it is published already or overtaken, 400 `golden_frames_failed` where a frame does not decode. */
  async publish(principal: Principal, id: string, version: number): Promise<ProductVersionRow> {
    const product = await this.changeable(principal, id);
    const draft = await this.version(principal, product, version);
    if (draft.publishedAt !== null) throw alreadyPublished(version);
    if (product.currentVersion !== null && product.currentVersion > version) {
      throw conflict(
        'version_overtaken',
        `Version ${product.currentVersion} is current; only a later one can follow it.`,
      );
    }
    await this.checkGoldenFrames(product, draft);
    const published = await this.repository.publish(draft, new Date(this.clock.now()));
    if (!published) throw conflict('version_changed', 'The draft was changed or published meanwhile. Read it again.');
    return published;
  }

  private async changeable(principal: Principal, id: string): Promise<ProductRow> {
    const product = await this.find(principal, id);
    if (product.ownerTenantKey === null) {
      throw conflict(
        'product_built_in',
        `"${id}" is built in and changes with the platform only. Make a product of your own.`,
      );
    }
    if (!owns(principal, product))
      throw new PlatformError(403, 'product_not_owned', `"${id}" is changed by its owner only.`);
    return product;
  }

  private async checkGoldenFrames(product: ProductRow, draft: ProductVersionRow): Promise<void> {
    const frames = draft.goldenFrames as GoldenFrame[];
    if (frames.length === 0) return;
    const check = this.goldenFrameCheck();
    if (!check) {
      throw new PlatformError(
        503,
        'golden_frames_unchecked',
        'This process cannot decode golden frames, so it cannot publish.',
      );
    }
    const version = {
      lane: product.lane,
      version: draft.version,
      thingModel: draft.thingModel as ThingModel,
      decoder: draft.decoder as DecoderSpec,
    };
    const problems = await check(version, frames);
    if (problems.length === 0) return;
    throw invalid('golden_frames_failed', `${problems.length} of the golden frames do not decode as expected.`, {
      errors: problems.map(({ frame, problem }) => ({ field: `goldenFrames.${frame}`, problem })),
    });
  }

  /** Looked up in the whole app: its provider stands above this lib. */
  private goldenFrameCheck(): GoldenFrameCheck | undefined {
    try {
      return this.modules.get<GoldenFrameCheck>(GOLDEN_FRAME_CHECK, { strict: false });
    } catch {
      return undefined;
    }
  }
}

/** Who may change a product sees its drafts, scripts and golden frames. */
export function owns(principal: Principal, product: ProductRow): boolean {
  return principal.allTenants || product.ownerTenantKey === principal.tenantKey;
}

function definitionIn(body: NewProductVersion): Record<string, unknown> {
  return Object.fromEntries(
    definitionFields.filter((field) => body[field] !== undefined).map((field) => [field, body[field]]),
  );
}

function alreadyPublished(version: number): PlatformError {
  return conflict(
    'version_published',
    `Version ${version} is published and does not change any more. Add a new version.`,
  );
}
