import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length, Matches } from 'class-validator';
import { pageOf } from '#libs/runtime';

export class TenantChange {
  @ApiProperty({ example: '水务局 Water Bureau' })
  @IsString()
  @Length(1, 100)
  name: string;
}

export class NewTenant extends TenantChange {
  @ApiProperty({ example: 'water-bureau', description: 'Unique on the platform; never changes.' })
  @Matches(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/, { message: 'code must be 1 to 64 of a-z, 0-9 and - inside' })
  code: string;
}

export class TenantView {
  @ApiProperty() id: string;
  @ApiProperty() code: string;
  @ApiProperty() name: string;
  @ApiProperty() revision: number;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

export class TenantPage extends pageOf(TenantView) {}
