import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsISO8601, IsOptional, IsUUID } from 'class-validator';
import { pageOf } from '#libs/runtime';

export class NewDeviceGrant {
  @ApiProperty({ description: 'The tenant that owns the products: a vendor.' })
  @IsUUID()
  vendorTenantId: string;

  @ApiProperty({ format: 'date-time', description: 'When it ends, at most 366 days from now.' })
  @IsISO8601({ strict: true, strictSeparator: true })
  expiresAt: string;

  @ApiPropertyOptional({
    description: 'Whose devices; default the own tenant. Only who sees every tenant may name another.',
  })
  @IsOptional()
  @IsUUID()
  deviceTenantId?: string;
}

export class DeviceGrantView {
  @ApiProperty() id: string;
  @ApiProperty() deviceTenantId: string;
  @ApiProperty() vendorTenantId: string;
  @ApiProperty({ format: 'date-time' }) expiresAt: string;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

export class DeviceGrantPage extends pageOf(DeviceGrantView) {}
