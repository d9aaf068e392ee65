import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  ParseUUIDPipe,
  Patch,
  Post,
  Query,
} from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { and, asc, eq, gt, ilike, like, type SQL, sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import { CurrentPrincipal, type Principal, Requires, tenantScope } from '#libs/access';
import { DATABASE, type Database, devices, installations } from '#libs/registry-db';
import {
  conflict,
  decodeCursor,
  IfMatch,
  notFound,
  type Page,
  requireRevision,
  revisionConflict,
  toPage,
} from '#libs/runtime';
import { cursorKey, escapeLike, owningTenant } from '../tenancy.js';
import { toWgs84 } from './coordinates.js';
import {
  InstallationChange,
  InstallationPage,
  InstallationQuery,
  InstallationView,
  MadeInstallations,
  NewInstallation,
  NewInstallationBatch,
  type PositionDto,
} from './installations.dto.js';

type Installation = typeof installations.$inferSelect;

/** Places where devices are mounted; they outlive the device that is swapped there. */
@ApiTags('installations')
@Controller('api/v1/installations')
export class InstallationsController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Get()
  @Requires('devices:read')
  @ApiOperation({ summary: 'List installations' })
  @ApiOkResponse({ type: InstallationPage })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Query() query: InstallationQuery,
  ): Promise<Page<InstallationView>> {
    const [after] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.database
      .select()
      .from(installations)
      .where(
        and(
          inScope(principal),
          after === undefined ? undefined : gt(installations.key, cursorKey(after)),
          query.area === undefined ? undefined : like(installations.areaCode, `${query.area}%`),
          query.building === undefined ? undefined : eq(installations.building, query.building),
          query.q === undefined ? undefined : ilike(installations.name, `%${escapeLike(query.q)}%`),
        ),
      )
      .orderBy(asc(installations.key))
      .limit(query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.key], viewOf);
  }

  @Post()
  @Requires('devices:write')
  @ApiOperation({ summary: 'Make an installation' })
  @ApiCreatedResponse({ type: InstallationView })
  async create(@CurrentPrincipal() principal: Principal, @Body() body: NewInstallation): Promise<InstallationView> {
    const tenantKey = await owningTenant(this.database, principal, body.tenantId);
    const [row] = await this.database
      .insert(installations)
      .values({ tenantKey, name: body.name, ...contentOf(body) })
      .returning();
    return viewOf(row as Installation);
  }

  @Post('batch')
  @Requires('devices:write')
  @ApiOperation({ summary: 'Make up to 1,000 installations at once: all of them or none' })
  @ApiCreatedResponse({ type: MadeInstallations })
  async createBatch(
    @CurrentPrincipal() principal: Principal,
    @Body() { installations: bodies }: NewInstallationBatch,
  ): Promise<MadeInstallations> {
    const owners = new Map<string | undefined, string>();
    for (const { tenantId } of bodies) {
      if (!owners.has(tenantId)) owners.set(tenantId, await owningTenant(this.database, principal, tenantId));
    }
    const rows = bodies.map((body) => ({
      key: v7(),
      tenantKey: owners.get(body.tenantId) ?? principal.tenantKey,
      name: body.name,
      ...contentOf(body),
    }));
    await this.database.insert(installations).values(rows);
    return { ids: rows.map(({ key }) => key) };
  }

  @Get(':id')
  @Requires('devices:read')
  @ApiOperation({ summary: 'Read an installation' })
  @ApiOkResponse({ type: InstallationView })
  async get(
    @CurrentPrincipal() principal: Principal,
    @Param('id', ParseUUIDPipe) id: string,
  ): Promise<InstallationView> {
    return viewOf(await this.find(principal, id));
  }

  @Patch(':id')
  @Requires('devices:write')
  @ApiOperation({ summary: 'Change an installation', description: 'Accepts If-Match. A null empties a field.' })
  @ApiOkResponse({ type: InstallationView })
  async change(
    @CurrentPrincipal() principal: Principal,
    @Param('id', ParseUUIDPipe) id: string,
    @Body() body: InstallationChange,
    @IfMatch() expected: number | undefined,
  ): Promise<InstallationView> {
    const before = await this.find(principal, id);
    requireRevision(expected, before.revision);
    const [row] = await this.database
      .update(installations)
      .set({
        ...contentOf(body),
        ...(typeof body.name === 'string' && { name: body.name }),
        revision: sql`${installations.revision} + 1`,
      })
      .where(and(eq(installations.key, id), eq(installations.revision, before.revision)))
      .returning();
    if (!row) throw revisionConflict(before.revision + 1);
    return viewOf(row);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('devices:write')
  @ApiOperation({ summary: 'Remove an installation where no device is mounted' })
  @ApiNoContentResponse()
  async remove(@CurrentPrincipal() principal: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<void> {
    await this.find(principal, id);
    const removed = await this.database
      .delete(installations)
      .where(
        and(
          eq(installations.key, id),
          sql`not exists (select 1 from ${devices} where ${devices.installationKey} = ${installations.key})`,
        ),
      )
      .returning({ key: installations.key });
    if (removed.length === 0) {
      throw conflict('installation_in_use', 'A device is or was mounted there. Move it to another installation first.');
    }
  }

  private async find(principal: Principal, id: string): Promise<Installation> {
    const [row] = await this.database
      .select()
      .from(installations)
      .where(and(eq(installations.key, id), inScope(principal)));
    if (!row) throw notFound('installation', id);
    return row;
  }
}

function inScope(principal: Principal): SQL | undefined {
  const scope = tenantScope(principal);
  return scope === undefined ? undefined : eq(installations.tenantKey, scope);
}

/** Only what the body names; a position is converted here, at the edge, and its original kept. */
function contentOf(body: InstallationChange) {
  const { address, areaCode, building, position } = body;
  return {
    ...(address !== undefined && { address }),
    ...(areaCode !== undefined && { areaCode }),
    ...(building !== undefined && { building }),
    ...(position !== undefined && positionOf(position)),
  };
}

function positionOf(position: PositionDto | null) {
  if (position === null) return { latitude: null, longitude: null, sourcePosition: null };
  const { crs = 'WGS-84', latitude, longitude } = position;
  return { ...toWgs84({ latitude, longitude }, crs), sourcePosition: { crs, latitude, longitude } };
}

/** How an installation is shown. */
export function viewOf(row: Installation): InstallationView {
  const { latitude, longitude } = row;
  return {
    id: row.key,
    tenantId: row.tenantKey,
    name: row.name,
    address: row.address,
    areaCode: row.areaCode,
    building: row.building,
    position: latitude === null || longitude === null ? null : { crs: 'WGS-84', latitude, longitude },
    sourcePosition: row.sourcePosition as PositionDto | null,
    revision: row.revision,
    createdAt: row.createdAt.toISOString(),
  };
}
