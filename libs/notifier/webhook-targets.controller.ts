import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { validate as isUuid } from 'uuid';
import { CurrentPrincipal, type Principal, Requires, tenantScope } from '#libs/access';
import {
  networkNotAllowable,
  targetsPlatformOnly,
  tenantNotFound,
  webhookTargetExists,
  webhookTargetNotFound,
} from './notifier.errors.js';
import { allowableNetwork } from './webhook/address-policy.js';
import { AllowTarget, WebhookTargetList, WebhookTargetView } from './webhook-targets.dto.js';
import { type WebhookTargetRow, WebhookTargetsRepository } from './webhook-targets.repository.js';

/**
 * Where a tenant's webhooks may go beyond public https. The private networks around the notifier are the platform's, so who
 * administers every tenant decides; a tenant's own administrators see what was decided.
 */
@ApiTags('webhooks')
@Controller('api/v1/tenants/:tenantId/webhook-targets')
export class WebhookTargetsController {
  constructor(@Inject(WebhookTargetsRepository) private readonly targets: WebhookTargetsRepository) {}

  @Get()
  @Requires('tenants:write')
  @ApiOperation({ summary: 'List the private targets that a tenant may reach' })
  @ApiOkResponse({ type: WebhookTargetList })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Param('tenantId') tenantId: string,
  ): Promise<WebhookTargetList> {
    await this.checkTenant(principal, tenantId);
    return { items: (await this.targets.list(tenantId)).map(viewOf) };
  }

  @Post()
  @Requires('tenants:write')
  @ApiOperation({ summary: 'Allow a tenant a private target' })
  @ApiCreatedResponse({ type: WebhookTargetView })
  async add(
    @CurrentPrincipal() principal: Principal,
    @Param('tenantId') tenantId: string,
    @Body() body: AllowTarget,
  ): Promise<WebhookTargetView> {
    await this.checkTenant(principal, tenantId);
    requirePlatform(principal);
    const cidr = allowableNetwork(body.cidr);
    if (cidr === undefined) throw networkNotAllowable(body.cidr);
    const row = await this.targets.add({ tenantKey: tenantId, cidr, port: body.port, note: body.note ?? '' });
    if (!row) throw webhookTargetExists(cidr, body.port);
    return viewOf(row);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('tenants:write')
  @ApiOperation({ summary: 'Withdraw a private target; it holds within two seconds' })
  @ApiNoContentResponse()
  async remove(
    @CurrentPrincipal() principal: Principal,
    @Param('tenantId') tenantId: string,
    @Param('id') id: string,
  ): Promise<void> {
    await this.checkTenant(principal, tenantId);
    requirePlatform(principal);
    if (!isUuid(id) || !(await this.targets.remove(tenantId, id))) throw webhookTargetNotFound(id);
  }

  private async checkTenant(principal: Principal, tenantId: string): Promise<void> {
    const scope = tenantScope(principal);
    const visible = isUuid(tenantId) && (scope === undefined || scope === tenantId);
    if (!visible || !(await this.targets.tenantExists(tenantId))) throw tenantNotFound(tenantId);
  }
}

function requirePlatform(principal: Principal): void {
  if (!principal.allTenants) throw targetsPlatformOnly();
}

function viewOf(row: WebhookTargetRow): WebhookTargetView {
  return { id: row.key, cidr: row.cidr, port: row.port, note: row.note, createdAt: row.createdAt.toISOString() };
}
