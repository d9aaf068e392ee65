import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { PageQuery, pageOf } from '#libs/runtime';
import { AreaFilter } from './area-filter.js';
import { type CoordinateSystem, coordinateSystems } from './coordinates.js';

export class PositionDto {
  @ApiPropertyOptional({ enum: coordinateSystems, default: 'WGS-84' })
  @IsOptional()
  @IsIn(coordinateSystems)
  crs?: CoordinateSystem;

  @ApiProperty({ minimum: -90, maximum: 90 })
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(-90)
  @Max(90)
  latitude: number;

  @ApiProperty({ minimum: -180, maximum: 180 })
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(-180)
  @Max(180)
  longitude: number;
}

class InstallationContent {
  @ApiProperty({ maxLength: 100 })
  @IsString()
  @Length(1, 100)
  name: string;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 200 })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  address?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, example: '520302', description: 'GB/T 2260 division code.' })
  @IsOptional()
  @Matches(/^\d{6}$/, { message: 'areaCode must be a division code of 6 digits' })
  areaCode?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    maxLength: 40,
    description: 'What rules over several devices join by.',
  })
  @IsOptional()
  @IsString()
  @Length(1, 40)
  building?: string | null;

  @ApiPropertyOptional({ type: PositionDto, nullable: true, description: 'Kept as given, and converted to WGS-84.' })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => PositionDto)
  position?: PositionDto | null;
}

export class NewInstallation extends InstallationContent {
  @ApiPropertyOptional({
    description: 'The owner; default the own tenant. Only who sees every tenant may name another.',
  })
  @IsOptional()
  @IsUUID()
  tenantId?: string;
}

export class NewInstallationBatch {
  @ApiProperty({ type: [NewInstallation], maxItems: 1000 })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1_000)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => NewInstallation)
  installations: NewInstallation[];
}

export class MadeInstallations {
  @ApiProperty({ type: [String], description: 'In the order sent.' }) ids: string[];
}

export class InstallationChange extends PartialType(InstallationContent) {}

export class InstallationQuery extends PageQuery {
  @AreaFilter()
  area?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(40)
  building?: string;

  @ApiPropertyOptional({ description: 'Part of the name.' })
  @IsOptional()
  @IsString()
  @MaxLength(100)
  q?: string;
}

export class InstallationView {
  @ApiProperty() id: string;
  @ApiProperty() tenantId: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: String, nullable: true }) address: string | null;
  @ApiProperty({ type: String, nullable: true }) areaCode: string | null;
  @ApiProperty({ type: String, nullable: true }) building: string | null;
  @ApiProperty({ type: PositionDto, nullable: true, description: 'In WGS-84.' }) position: PositionDto | null;
  @ApiProperty({ type: PositionDto, nullable: true, description: 'As given.' }) sourcePosition: PositionDto | null;
  @ApiProperty() revision: number;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

export class InstallationPage extends pageOf(InstallationView) {}
