import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
} from 'class-validator';
import { pageOf } from '#libs/runtime';
import { type Role, roles } from '../principal.js';

export class NewApiKey {
  @ApiProperty({ example: 'city brain' })
  @IsString()
  @Length(1, 100)
  name: string;

  @ApiProperty({ enum: roles, isArray: true, description: 'Some of your own.' })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(roles.length)
  @ArrayUnique()
  @IsIn(roles, { each: true })
  roles: Role[];

  @ApiPropertyOptional({ description: 'Sees every tenant; only where you do.' })
  @IsOptional()
  @IsBoolean()
  allTenants?: boolean;

  @ApiPropertyOptional({ format: 'date-time', description: 'Default: until revoked.' })
  @IsOptional()
  @IsISO8601({ strict: true })
  expiresAt?: string;
}

export class ApiKeyView {
  @ApiProperty() id: string;
  @ApiProperty() tenantId: string;
  @ApiProperty() name: string;
  @ApiProperty({ description: 'How the key begins.' }) prefix: string;
  @ApiProperty({ enum: roles, isArray: true }) roles: string[];
  @ApiProperty() allTenants: boolean;
  @ApiProperty({ description: 'The user who made it; the key never has more rights than they have now.' })
  createdBy: string;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) expiresAt: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) revokedAt: string | null;
}

export class NewApiKeyView extends ApiKeyView {
  @ApiProperty({ description: 'Send it as `Authorization: Bearer <secret>`. Shown once.' }) secret: string;
}

export class ApiKeyPage extends pageOf(ApiKeyView) {}
