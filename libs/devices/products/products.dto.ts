import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { type Lane, lanes } from '#libs/contracts';
import { PageQuery, pageOf } from '#libs/runtime';

export class LocalNameDto {
  @ApiProperty({ example: '智能水表' })
  @IsString()
  @Length(1, 100)
  zh: string;

  @ApiProperty({ example: 'Smart water meter' })
  @IsString()
  @Length(1, 100)
  en: string;
}

export class NewProductVersion {
  @ApiProperty({
    type: Object,
    description:
      'Thing model: `properties`, `events`, `commands` with identifier, name in zh and en, type, kind, UCUM unit, range.',
  })
  @IsObject()
  thingModel: object;

  @ApiPropertyOptional({
    type: Object,
    description:
      '`{kind: "json"}` (default), `{kind: "builtin", name}` or `{kind: "codec", script, mapping}` in the TS013 form.',
  })
  @IsOptional()
  @IsObject()
  decoder?: object;

  @ApiProperty({ description: 'How often a device reports, in milliseconds.', minimum: 1000 })
  @IsInt()
  expectedIntervalMs: number;

  @ApiPropertyOptional({
    type: [Object],
    description:
      'Frames that must decode before publication: `{name, kind, port, hex, expected: {metric: value}}`, at most 64.',
  })
  @IsOptional()
  @IsArray()
  goldenFrames?: object[];
}

export class NewProduct extends NewProductVersion {
  @ApiProperty({ example: 'acme-ultrasonic-meter', description: 'Unique on the platform; never changes.' })
  @Matches(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/, { message: 'id must be 1 to 64 of a-z, 0-9 and - inside' })
  id: string;

  @ApiProperty({ type: LocalNameDto })
  @ValidateNested()
  @Type(() => LocalNameDto)
  @IsObject()
  name: LocalNameDto;

  @ApiProperty({ example: 'water', description: 'water, parking, fire, air, ...' })
  @Matches(/^[a-z][a-z_]{1,31}$/, { message: 'domain must be 2 to 32 of a-z and _' })
  domain: string;

  @ApiPropertyOptional({ enum: lanes, description: 'Fixed for good. Default: urgent for fire and gas, else bulk.' })
  @IsOptional()
  @IsIn(lanes)
  lane?: Lane;

  @ApiPropertyOptional({
    description: 'The tenant that owns it; default the own one. Only who sees every tenant may name another.',
  })
  @IsOptional()
  @IsUUID()
  tenantId?: string;
}

export class ProductQuery extends PageQuery {
  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(32)
  domain?: string;
}

export class ProductView {
  @ApiProperty() id: string;
  @ApiProperty({ type: LocalNameDto }) name: LocalNameDto;
  @ApiProperty() domain: string;
  @ApiProperty({ enum: lanes }) lane: string;
  @ApiProperty({ type: String, nullable: true, description: 'Null for a built-in product.' }) tenantId: string | null;
  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'The version its devices use; null until one is published.',
  })
  currentVersion: number | null;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

export class ProductVersionView {
  @ApiProperty() productId: string;
  @ApiProperty() version: number;
  @ApiProperty({ enum: ['draft', 'published'] }) status: string;
  @ApiProperty({ type: Object }) thingModel: object;
  @ApiProperty({ type: Object, description: 'The script and golden frames are shown to the owner alone.' })
  decoder: object;
  @ApiProperty() expectedIntervalMs: number;
  @ApiProperty({ type: [Object] }) goldenFrames: object[];
  @ApiProperty({ format: 'date-time' }) createdAt: string;
  @ApiProperty({ type: String, nullable: true, format: 'date-time' }) publishedAt: string | null;
}

export class ProductDetail extends ProductView {
  @ApiProperty({ type: ProductVersionView, nullable: true }) current: ProductVersionView | null;
}

export class ProductPage extends pageOf(ProductView) {}
export class ProductVersionPage extends pageOf(ProductVersionView) {}
