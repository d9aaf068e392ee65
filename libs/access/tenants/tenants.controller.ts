import { Body, Controller, Get, Inject, Param, ParseUUIDPipe, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { DATABASE, type Database, tenants } from '#libs/registry-db';
import {
  conflict,
  decodeCursor,
  IfMatch,
  notFound,
  type Page,
  PageQuery,
  PlatformError,
  requireRevision,
  revisionConflict,
  toPage,
} from '#libs/runtime';
import { CurrentPrincipal, Requires } from '../access.decorators.js';
import { type Principal, tenantScope } from '../principal.js';
import { NewTenant, TenantChange, TenantPage, TenantView } from './tenants.dto.js';

type Tenant = typeof tenants.$inferSelect;

/** Organisations that own devices. Everybody sees their own; who sees every tenant may make and change them. */
@ApiTags('access')
@Controller('api/v1/tenants')
export class TenantsController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Get()
  @Requires('tenants:read')
  @ApiOperation({ summary: 'List tenants' })
  @ApiOkResponse({ type: TenantPage })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<TenantView>> {
    const [after] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.database
      .select()
      .from(tenants)
      .where(and(inScope(principal), after === undefined ? undefined : gt(tenants.key, String(after))))
      .orderBy(asc(tenants.key))
      .limit(query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.key], viewOf);
  }

  @Post()
  @Requires('tenants:write')
  @ApiOperation({ summary: 'Make a tenant' })
  @ApiCreatedResponse({ type: TenantView })
  async create(@CurrentPrincipal() principal: Principal, @Body() body: NewTenant): Promise<TenantView> {
    requirePlatform(principal);
    const [tenant] = await this.database
      .insert(tenants)
      .values({ id: body.code, name: body.name })
      .onConflictDoNothing({ target: tenants.id })
      .returning();
    if (!tenant) throw conflict('tenant_code_taken', `code: "${body.code}" is taken. Choose another.`);
    return viewOf(tenant);
  }

  @Get(':id')
  @Requires('tenants:read')
  @ApiOperation({ summary: 'Read a tenant' })
  @ApiOkResponse({ type: TenantView })
  async get(@CurrentPrincipal() principal: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<TenantView> {
    return viewOf(await this.find(principal, id));
  }

  @Patch(':id')
  @Requires('tenants:write')
  @ApiOperation({ summary: 'Rename a tenant', description: 'Accepts If-Match.' })
  @ApiOkResponse({ type: TenantView })
  async change(
    @CurrentPrincipal() principal: Principal,
    @Param('id', ParseUUIDPipe) id: string,
    @Body() body: TenantChange,
    @IfMatch() expected: number | undefined,
  ): Promise<TenantView> {
    const tenant = await this.find(principal, id);
    requirePlatform(principal);
    requireRevision(expected, tenant.revision);
    const [changed] = await this.database
      .update(tenants)
      .set({ name: body.name, revision: sql`${tenants.revision} + 1` })
      .where(and(eq(tenants.key, id), eq(tenants.revision, tenant.revision)))
      .returning();
    if (!changed) throw revisionConflict(tenant.revision + 1);
    return viewOf(changed);
  }

  private async find(principal: Principal, id: string): Promise<Tenant> {
    const [tenant] = await this.database
      .select()
      .from(tenants)
      .where(and(eq(tenants.key, id), inScope(principal)));
    if (!tenant) throw notFound('tenant', id);
    return tenant;
  }
}

function inScope(principal: Principal) {
  const scope = tenantScope(principal);
  return scope === undefined ? undefined : eq(tenants.key, scope);
}

function requirePlatform(principal: Principal): void {
  if (principal.allTenants) return;
  throw new PlatformError(403, 'platform_only', 'Tenants are made and changed by administrators of every tenant.');
}

function viewOf(tenant: Tenant): TenantView {
  const { key, id, name, revision, createdAt } = tenant;
  return { id: key, code: id, name, revision, createdAt: createdAt.toISOString() };
}
