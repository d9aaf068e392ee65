import { Body, Controller, Delete, Get, HttpCode, Inject, Param, ParseUUIDPipe, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { and, asc, eq, gt, or } from 'drizzle-orm';
import { CurrentPrincipal, type Principal, Requires, tenantScope } from '#libs/access';
import { DATABASE, type Database, deviceGrants, tenants } from '#libs/registry-db';
import { CLOCK, type Clock, decodeCursor, invalid, notFound, type Page, PageQuery, toPage } from '#libs/runtime';
import { cursorKey, owningTenant } from '../tenancy.js';
import { DeviceGrantPage, DeviceGrantView, NewDeviceGrant } from './grants.dto.js';

const longestMs = 366 * 86_400_000;

type Grant = typeof deviceGrants.$inferSelect;

/** Lets vendors see those devices of a tenant that are of their own products; given and taken back by the tenant. */
@ApiTags('device grants')
@Controller('api/v1/device-grants')
export class GrantsController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Requires('devices:read')
  @ApiOperation({ summary: 'List the grants given by or to the own tenant' })
  @ApiOkResponse({ type: DeviceGrantPage })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<DeviceGrantView>> {
    const [after] = decodeCursor(query.cursor, 1) ?? [];
    const scope = tenantScope(principal);
    const rows = await this.database
      .select()
      .from(deviceGrants)
      .where(
        and(
          scope === undefined
            ? undefined
            : or(eq(deviceGrants.deviceTenantKey, scope), eq(deviceGrants.vendorTenantKey, scope)),
          after === undefined ? undefined : gt(deviceGrants.key, cursorKey(after)),
        ),
      )
      .orderBy(asc(deviceGrants.key))
      .limit(query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.key], viewOf);
  }

  @Post()
  @Requires('devices:write')
  @ApiOperation({ summary: 'Let a vendor see the devices of its products' })
  @ApiCreatedResponse({ type: DeviceGrantView })
  async create(@CurrentPrincipal() principal: Principal, @Body() body: NewDeviceGrant): Promise<DeviceGrantView> {
    const deviceTenantKey = await owningTenant(this.database, principal, body.deviceTenantId);
    const expiresAt = new Date(body.expiresAt);
    const now = this.clock.now();
    if (!(expiresAt.getTime() > now && expiresAt.getTime() <= now + longestMs)) {
      throw invalid('expiry_invalid', 'expiresAt: choose a time from now to 366 days ahead.');
    }
    const [vendor] = await this.database.select().from(tenants).where(eq(tenants.key, body.vendorTenantId));
    if (!vendor) throw invalid('tenant_unknown', `vendorTenantId: no tenant has the id "${body.vendorTenantId}".`);
    const [row] = await this.database
      .insert(deviceGrants)
      .values({ deviceTenantKey, vendorTenantKey: vendor.key, expiresAt })
      .returning();
    return viewOf(row as Grant);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('devices:write')
  @ApiOperation({ summary: 'Take a grant back' })
  @ApiNoContentResponse()
  async remove(@CurrentPrincipal() principal: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<void> {
    const scope = tenantScope(principal);
    const removed = await this.database
      .delete(deviceGrants)
      .where(and(eq(deviceGrants.key, id), scope === undefined ? undefined : eq(deviceGrants.deviceTenantKey, scope)))
      .returning({ key: deviceGrants.key });
    if (removed.length === 0) throw notFound('device_grant', id);
  }
}

function viewOf(row: Grant): DeviceGrantView {
  return {
    id: row.key,
    deviceTenantId: row.deviceTenantKey,
    vendorTenantId: row.vendorTenantKey,
    expiresAt: row.expiresAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
  };
}
