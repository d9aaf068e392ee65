import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { decodeCursor, IfMatch, type Page, toPage } from '#libs/runtime';
import { viewOf as installationView } from '../installations/installations.controller.js';
import { DeviceRegistration } from './device-registration.js';
import {
  BatchResult,
  DeviceChange,
  DevicePage,
  DeviceQuery,
  DeviceView,
  DeviceWithSecret,
  type MountedAt,
  NewDevice,
  NewDeviceBatch,
  RotatedSecret,
  SecretRotation,
} from './devices.dto.js';
import { type DeviceRecord, DevicesRepository } from './devices.repository.js';
import { DevicesService } from './devices.service.js';

/** Devices, addressed by their id. */
@ApiTags('devices')
@Controller('api/v1/devices')
export class DevicesController {
  constructor(
    @Inject(DevicesService) private readonly service: DevicesService,
    @Inject(DeviceRegistration) private readonly registration: DeviceRegistration,
    @Inject(DevicesRepository) private readonly repository: DevicesRepository,
  ) {}

  @Get()
  @Requires('devices:read')
  @ApiOperation({ summary: 'List devices' })
  @ApiOkResponse({ type: DevicePage })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: DeviceQuery): Promise<Page<DeviceView>> {
    const [after] = decodeCursor(query.cursor, 1) ?? [];
    const rows = await this.repository.list(principal, query, after === undefined ? undefined : String(after));
    return toPage(rows, query.limit, (row) => [row.device.id], viewOf);
  }

  @Post()
  @Requires('devices:write')
  @ApiOperation({ summary: 'Register a device; its secret is shown once' })
  @ApiCreatedResponse({ type: DeviceWithSecret })
  async create(@CurrentPrincipal() principal: Principal, @Body() body: NewDevice): Promise<DeviceWithSecret> {
    const secret = await this.registration.register(principal, body);
    return { ...viewOf(await this.service.find(principal, body.id)), secret };
  }

  @Post('batch')
  @HttpCode(200)
  @Requires('devices:write')
  @ApiOperation({ summary: 'Register up to 1,000 devices at once; each has an outcome of its own' })
  @ApiOkResponse({ type: BatchResult })
  async createBatch(@CurrentPrincipal() principal: Principal, @Body() body: NewDeviceBatch): Promise<BatchResult> {
    return { results: await this.registration.registerBatch(principal, body.devices) };
  }

  @Get(':id')
  @Requires('devices:read')
  @ApiOperation({ summary: 'Read a device with its presence' })
  @ApiOkResponse({ type: DeviceView })
  async get(@CurrentPrincipal() principal: Principal, @Param('id') id: string): Promise<DeviceView> {
    return viewOf(await this.service.find(principal, id));
  }

  @Patch(':id')
  @Requires('devices:write')
  @ApiOperation({ summary: 'Change a device', description: 'Accepts If-Match. A null empties a field.' })
  @ApiOkResponse({ type: DeviceView })
  async change(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Body() body: DeviceChange,
    @IfMatch() expected: number | undefined,
  ): Promise<DeviceView> {
    return viewOf(await this.service.change(principal, id, body, expected));
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('devices:write')
  @ApiOperation({ summary: 'Retire a device for good; its history stays' })
  @ApiNoContentResponse()
  retire(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
  ): Promise<void> {
    return this.service.retire(principal, id, expected);
  }

  @Post(':id/disable')
  @HttpCode(200)
  @Requires('devices:write')
  @ApiOperation({ summary: 'Keep a device from connecting' })
  @ApiOkResponse({ type: DeviceView })
  async disable(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
  ): Promise<DeviceView> {
    return viewOf(await this.service.disable(principal, id, expected));
  }

  @Post(':id/enable')
  @HttpCode(200)
  @Requires('devices:write')
  @ApiOperation({ summary: 'Let a disabled device connect again' })
  @ApiOkResponse({ type: DeviceView })
  async enable(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @IfMatch() expected: number | undefined,
  ): Promise<DeviceView> {
    return viewOf(await this.service.enable(principal, id, expected));
  }

  @Post(':id/secret')
  @HttpCode(200)
  @Requires('devices:write')
  @ApiOperation({ summary: 'Give a device a new secret; the old one stays good for the overlap' })
  @ApiOkResponse({ type: RotatedSecret })
  rotateSecret(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Body() body: SecretRotation,
  ): Promise<RotatedSecret> {
    return this.service.rotateSecret(principal, id, body.overlapSeconds);
  }
}

function viewOf({ device, productId, installation, presence, gatewayId }: DeviceRecord): DeviceView {
  return {
    id: device.id,
    name: device.name,
    productId,
    tenantId: device.tenantKey,
    status: device.status,
    presence: {
      online: presence?.online ?? false,
      since: presence?.since.toISOString() ?? null,
      lastSeenAt: presence?.lastSeenAt?.toISOString() ?? null,
      cause: presence?.cause ?? null,
    },
    installation: installation && mountedAt(installation),
    gatewayId,
    tags: device.tags as object,
    settings: device.settings as object,
    expectedIntervalMs: device.expectedIntervalMs,
    revision: device.revision,
    createdAt: device.createdAt.toISOString(),
    updatedAt: device.updatedAt.toISOString(),
  };
}

function mountedAt(row: NonNullable<DeviceRecord['installation']>): MountedAt {
  const { id, name, address, areaCode, building, position } = installationView(row);
  return { id, name, address, areaCode, building, position };
}
