import { Body, Controller, Delete, Get, HttpCode, Inject, Param, ParseUUIDPipe, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { apiKeys } from '#libs/registry-db';
import { decodeCursor, type Page, PageQuery, toPage } from '#libs/runtime';
import { CurrentPrincipal, Requires } from '../access.decorators.js';
import type { Principal } from '../principal.js';
import { ApiKeyPage, ApiKeyView, NewApiKey, NewApiKeyView } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';

/** Keys for programs that call this API. */
@ApiTags('access')
@Controller('api/v1/api-keys')
export class ApiKeysController {
  constructor(@Inject(ApiKeysService) private readonly apiKeys: ApiKeysService) {}

  @Get()
  @Requires('keys:read')
  @ApiOperation({ summary: 'List API keys' })
  @ApiOkResponse({ type: ApiKeyPage })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<Page<ApiKeyView>> {
    const [after] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.apiKeys.list(principal, after === undefined ? undefined : String(after), query.limit + 1);
    return toPage(rows, query.limit, (row) => [row.key], viewOf);
  }

  @Post()
  @Requires('keys:write')
  @ApiOperation({ summary: 'Make an API key', description: 'Its secret is shown once.' })
  @ApiCreatedResponse({ type: NewApiKeyView })
  async create(@CurrentPrincipal() principal: Principal, @Body() body: NewApiKey): Promise<NewApiKeyView> {
    const { apiKey, secret } = await this.apiKeys.create(principal, body);
    return { ...viewOf(apiKey), secret };
  }

  @Get(':id')
  @Requires('keys:read')
  @ApiOperation({ summary: 'Read an API key' })
  @ApiOkResponse({ type: ApiKeyView })
  async get(@CurrentPrincipal() principal: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<ApiKeyView> {
    return viewOf(await this.apiKeys.get(principal, id));
  }

  @Delete(':id')
  @Requires('keys:write')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke an API key' })
  @ApiNoContentResponse()
  revoke(@CurrentPrincipal() principal: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<void> {
    return this.apiKeys.revoke(principal, id);
  }
}

function viewOf(row: typeof apiKeys.$inferSelect): ApiKeyView {
  return {
    id: row.key,
    tenantId: row.tenantKey,
    name: row.name,
    prefix: row.prefix,
    roles: row.roles,
    allTenants: row.allTenants,
    createdBy: row.createdBy,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}
