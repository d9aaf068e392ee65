import { Body, Controller, Get, HttpCode, Inject, Param, ParseIntPipe, Post, Put, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { decodeCursor, type Page, PageQuery, toPage } from '#libs/runtime';
import type { DecoderSpec } from '../thing-model.js';
import {
  NewProduct,
  NewProductVersion,
  ProductDetail,
  ProductPage,
  ProductQuery,
  ProductVersionPage,
  ProductVersionView,
  type ProductView,
} from './products.dto.js';
import { type ProductRow, ProductsRepository, type ProductVersionRow } from './products.repository.js';
import { owns, ProductsService } from './products.service.js';

/** Kinds of device, with their versioned thing models and decoders. */
@ApiTags('products')
@Controller('api/v1/products')
export class ProductsController {
  constructor(
    @Inject(ProductsService) private readonly service: ProductsService,
    @Inject(ProductsRepository) private readonly repository: ProductsRepository,
  ) {}

  @Get()
  @Requires('products:read')
  @ApiOperation({ summary: 'List products: built-in, own, and those of vendors that may see own devices' })
  @ApiOkResponse({ type: ProductPage })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: ProductQuery): Promise<Page<ProductView>> {
    const [after] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.repository.list(
      principal,
      query.domain,
      after === undefined ? undefined : String(after),
      query.limit + 1,
    );
    return toPage(rows, query.limit, (row) => [row.id], viewOf);
  }

  @Post()
  @Requires('products:write')
  @ApiOperation({ summary: 'Make a product, with version 1 as a draft' })
  @ApiCreatedResponse({ type: ProductDetail })
  async create(@CurrentPrincipal() principal: Principal, @Body() body: NewProduct): Promise<ProductDetail> {
    return { ...viewOf(await this.service.create(principal, body)), current: null };
  }

  @Get(':id')
  @Requires('products:read')
  @ApiOperation({ summary: 'Read a product with its current version' })
  @ApiOkResponse({ type: ProductDetail })
  async get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<ProductDetail> {
    const product = await this.service.find(principal, id);
    const version = product.currentVersion;
    const current = version === null ? null : await this.service.version(principal, product, version);
    return { ...viewOf(product), current: current && versionView(principal, product, current) };
  }

  @Get(':id/versions')
  @Requires('products:read')
  @ApiOperation({ summary: 'List the versions of a product, newest first' })
  @ApiOkResponse({ type: ProductVersionPage })
  async versions(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: PageQuery,
  ): Promise<Page<ProductVersionView>> {
    const product = await this.service.find(principal, id);
    const [before] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.repository.versions(
      product.key,
      owns(principal, product),
      before === undefined ? undefined : Number(before) || 0,
      query.limit + 1,
    );
    return toPage(
      rows,
      query.limit,
      (row) => [row.version],
      (row) => versionView(principal, product, row),
    );
  }

  @Post(':id/versions')
  @Requires('products:write')
  @ApiOperation({ summary: 'Add a version as a draft' })
  @ApiCreatedResponse({ type: ProductVersionView })
  async addVersion(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Body() body: NewProductVersion,
  ): Promise<ProductVersionView> {
    const version = await this.service.addVersion(principal, id, body);
    return versionView(principal, await this.service.find(principal, id), version);
  }

  @Get(':id/versions/:version')
  @Requires('products:read')
  @ApiOperation({ summary: 'Read a version' })
  @ApiOkResponse({ type: ProductVersionView })
  async version(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Param('version', ParseIntPipe) version: number,
  ): Promise<ProductVersionView> {
    const product = await this.service.find(principal, id);
    return versionView(principal, product, await this.service.version(principal, product, version));
  }

  @Put(':id/versions/:version')
  @Requires('products:write')
  @ApiOperation({ summary: 'Replace a draft' })
  @ApiOkResponse({ type: ProductVersionView })
  async replaceDraft(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Param('version', ParseIntPipe) version: number,
    @Body() body: NewProductVersion,
  ): Promise<ProductVersionView> {
    const row = await this.service.replaceDraft(principal, id, version, body);
    return versionView(principal, await this.service.find(principal, id), row);
  }

  @Post(':id/versions/:version/publish')
  @HttpCode(200)
  @Requires('products:write')
  @ApiOperation({ summary: 'Publish a draft: its golden frames must decode; from then on it never changes' })
  @ApiOkResponse({ type: ProductVersionView })
  async publish(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Param('version', ParseIntPipe) version: number,
  ): Promise<ProductVersionView> {
    const row = await this.service.publish(principal, id, version);
    return versionView(principal, await this.service.find(principal, id), row);
  }
}

function viewOf(product: ProductRow): ProductView {
  const { id, nameZh, nameEn, domain, lane, ownerTenantKey, currentVersion, createdAt } = product;
  return {
    id,
    name: { zh: nameZh, en: nameEn },
    domain,
    lane,
    tenantId: ownerTenantKey,
    currentVersion,
    createdAt: createdAt.toISOString(),
  };
}

function versionView(principal: Principal, product: ProductRow, row: ProductVersionRow): ProductVersionView {
  const decoder = row.decoder as DecoderSpec;
  const owner = owns(principal, product) || product.ownerTenantKey === null;
  return {
    productId: product.id,
    version: row.version,
    status: row.publishedAt === null ? 'draft' : 'published',
    thingModel: row.thingModel as object,
    decoder: owner || decoder.kind !== 'codec' ? decoder : { kind: decoder.kind },
    expectedIntervalMs: row.expectedIntervalMs,
    goldenFrames: owner ? (row.goldenFrames as object[]) : [],
    createdAt: row.createdAt.toISOString(),
    publishedAt: row.publishedAt?.toISOString() ?? null,
  };
}
