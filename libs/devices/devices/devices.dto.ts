import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
} from 'class-validator';
import { deviceIdPattern } from '#libs/contracts';
import { PageQuery, pageOf } from '#libs/runtime';
import { AreaFilter } from '../installations/area-filter.js';
import { PositionDto } from '../installations/installations.dto.js';
import { type DeviceStatus, deviceStatuses } from '../known-device.js';
import { IsSmallRecord } from './small-record.js';

const idProblem = { message: 'id must be 1 to 64 of letters, digits and . _ : -' };

class DeviceContent {
  @ApiPropertyOptional({ type: String, nullable: true, description: 'Where it is mounted.' })
  @IsOptional()
  @IsUUID()
  installationId?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Id of the gateway device that publishes for it.' })
  @IsOptional()
  @Matches(deviceIdPattern, idProblem)
  gatewayId?: string | null;

  @ApiPropertyOptional({ type: Object, description: 'At most 32 texts.', example: { district: 'huichuan' } })
  @IsOptional()
  @IsSmallRecord(32, 'text')
  tags?: Record<string, string>;

  @ApiPropertyOptional({
    type: Object,
    description: 'What rules and decoders need to know of it, at most 64 numbers, booleans and texts.',
    example: { fireLane: true },
  })
  @IsOptional()
  @IsSmallRecord(64, 'scalars')
  settings?: Record<string, string | number | boolean>;

  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    minimum: 1000,
    description: "Instead of its product's, in milliseconds.",
  })
  @IsOptional()
  @IsInt()
  @Min(1_000)
  @Max(2_000_000_000)
  expectedIntervalMs?: number | null;
}

export class NewDevice extends DeviceContent {
  @ApiProperty({ example: '863703036591234', description: 'Unique on the platform, whatever its letter case.' })
  @Matches(deviceIdPattern, idProblem)
  id: string;

  @ApiProperty({ maxLength: 100 })
  @IsString()
  @Length(1, 100)
  name: string;

  @ApiProperty({ example: 'water-meter' })
  @IsString()
  @MaxLength(64)
  productId: string;

  @ApiPropertyOptional({
    description: 'The owner; default the own tenant. Only who sees every tenant may name another.',
  })
  @IsOptional()
  @IsUUID()
  tenantId?: string;
}

export class DeviceChange extends DeviceContent {
  @ApiPropertyOptional({ maxLength: 100 })
  @ValidateIf((_change, value) => value !== undefined)
  @IsString()
  @Length(1, 100)
  name?: string;
}

export class NewDeviceBatch {
  @ApiProperty({ type: [NewDevice], maxItems: 1000 })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1_000)
  @IsObject({ each: true })
  devices: object[];
}

export class SecretRotation {
  @ApiPropertyOptional({
    minimum: 0,
    maximum: 2_592_000,
    description: 'How long the old secret stays good; 0 ends it at once.',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2_592_000)
  overlapSeconds?: number;
}

export class DeviceQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Product id.' })
  @IsOptional()
  @IsString()
  @MaxLength(64)
  product?: string;

  @ApiPropertyOptional({ description: '`key` or `key:value`.' })
  @IsOptional()
  @IsString()
  @MaxLength(330)
  tag?: string;

  @ApiPropertyOptional({ enum: deviceStatuses })
  @IsOptional()
  @IsIn(deviceStatuses)
  status?: DeviceStatus;

  @ApiPropertyOptional()
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  online?: boolean;

  @AreaFilter()
  area?: string;

  @ApiPropertyOptional({ description: 'Beginning of the id, or part of the name.' })
  @IsOptional()
  @IsString()
  @MaxLength(100)
  q?: string;
}

export class MountedAt {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: String, nullable: true }) address: string | null;
  @ApiProperty({ type: String, nullable: true }) areaCode: string | null;
  @ApiProperty({ type: String, nullable: true }) building: string | null;
  @ApiProperty({ type: PositionDto, nullable: true, description: 'In WGS-84.' }) position: PositionDto | null;
}

export class PresenceView {
  @ApiProperty() online: boolean;
  @ApiProperty({
    type: String,
    nullable: true,
    format: 'date-time',
    description: 'Since when; null where it was never seen.',
  })
  since: string | null;
  @ApiProperty({ type: String, nullable: true, format: 'date-time', description: 'Up to a quarter of an hour old.' })
  lastSeenAt: string | null;
  @ApiProperty({ type: String, nullable: true, enum: ['message', 'connection', 'silence', 'disabled'] }) cause:
    | string
    | null;
}

export class DeviceView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() productId: string;
  @ApiProperty() tenantId: string;
  @ApiProperty({ enum: deviceStatuses }) status: string;
  @ApiProperty({ type: PresenceView }) presence: PresenceView;
  @ApiProperty({ type: MountedAt, nullable: true }) installation: MountedAt | null;
  @ApiProperty({ type: String, nullable: true }) gatewayId: string | null;
  @ApiProperty({ type: Object }) tags: object;
  @ApiProperty({ type: Object }) settings: object;
  @ApiProperty({ type: Number, nullable: true }) expectedIntervalMs: number | null;
  @ApiProperty() revision: number;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
  @ApiProperty({ format: 'date-time' }) updatedAt: string;
}

export class DeviceWithSecret extends DeviceView {
  @ApiProperty({ description: 'Shown once.' }) secret: string;
}

export class DevicePage extends pageOf(DeviceView) {}

export class BatchOutcome {
  @ApiProperty({ description: 'The id as sent.' }) id: string;
  @ApiProperty({ enum: ['created', 'exists', 'invalid'] }) outcome: 'created' | 'exists' | 'invalid';
  @ApiPropertyOptional({ description: 'Shown once.' }) secret?: string;
  @ApiPropertyOptional({ description: 'What is wrong, where it is invalid.' }) problem?: string;
}

export class BatchResult {
  @ApiProperty({ type: [BatchOutcome], description: 'In the order sent.' }) results: BatchOutcome[];
}

export class RotatedSecret {
  @ApiProperty() id: string;
  @ApiProperty({ description: 'Shown once.' }) secret: string;
  @ApiProperty({ format: 'date-time', description: 'Until when the old one is good.' }) previousValidUntil: string;
}
