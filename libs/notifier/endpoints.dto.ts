import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsNotEmpty,
  IsOptional,
  IsString,
  IsUUID,
  MaxLength,
} from 'class-validator';
import { severities } from '#libs/contracts';
import { pageOf } from '#libs/runtime';
import { alertEventTypes, endpointEventTypes } from './endpoint.js';

const subscribable = [...alertEventTypes, ...endpointEventTypes];

/** Where to be told, and of what. */
export class EndpointSettings {
  @ApiProperty({ maxLength: 100, example: '城管平台 (city management)' })
  @IsString()
  @IsNotEmpty()
  @MaxLength(100)
  name: string;

  @ApiProperty({ maxLength: 2048, example: 'https://alerts.example.cn/citysense' })
  @IsString()
  @MaxLength(2048)
  url: string;

  @ApiPropertyOptional({
    enum: subscribable,
    isArray: true,
    description: 'Only these; empty: everything about alerts. News of endpoints must be named.',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsIn(subscribable, { each: true })
  eventTypes?: string[];

  @ApiPropertyOptional({ enum: severities, isArray: true, description: 'Only these; empty: all.' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(5)
  @IsIn(severities, { each: true })
  severities?: string[];

  @ApiPropertyOptional({ type: [String], description: 'Only products of these domains, e.g. fire; empty: all.' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  domains?: string[];

  @ApiPropertyOptional({
    default: false,
    description: 'Before anything is sent, ask the URL by the CloudEvents OPTIONS handshake whether it agrees.',
  })
  @IsOptional()
  @IsBoolean()
  validationHandshake?: boolean;
}

/** A new endpoint. */
export class CreateEndpoint extends EndpointSettings {
  @ApiPropertyOptional({ description: 'The tenant it is for; yours unless you see every tenant.' })
  @IsOptional()
  @IsUUID()
  tenantId?: string;
}

/** A change of an endpoint: only what is given. */
export class UpdateEndpoint extends PartialType(EndpointSettings) {
  @ApiPropertyOptional({ description: 'false: nothing is sent, and what comes is held up to 72 h; true: sent again.' })
  @IsOptional()
  @IsBoolean()
  enabled?: boolean;
}

/** An endpoint. */
export class EndpointView {
  @ApiProperty()
  id: string;

  @ApiProperty()
  tenantId: string;

  @ApiProperty()
  name: string;

  @ApiProperty()
  url: string;

  @ApiProperty({ enum: ['validating', 'active', 'disabled'] })
  status: string;

  @ApiProperty({ description: 'Why it is disabled.' })
  statusReason: string;

  @ApiProperty({ type: [String] })
  eventTypes: string[];

  @ApiProperty({ type: [String] })
  severities: string[];

  @ApiProperty({ type: [String] })
  domains: string[];

  @ApiProperty()
  validationHandshake: boolean;

  @ApiProperty({ enum: ['unknown', 'healthy', 'failing'] })
  health: string;

  @ApiProperty()
  consecutiveFailures: number;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  lastSuccessAt: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  lastFailureAt: string | null;

  @ApiProperty({ type: String, nullable: true })
  lastError: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'It asked for a pause (Retry-After).',
  })
  pausedUntil: string | null;

  @ApiProperty({ description: 'The sequence of its latest event.' })
  sequence: number;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Until then the old secret signs too.',
  })
  previousSecretUntil: string | null;

  @ApiProperty()
  revision: number;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;
}

/** Something operators should know of an endpoint. */
export class EndpointEventView {
  @ApiProperty({ enum: ['validated', 'failing', 'recovered', 'disabled', 'enabled', 'delivery_dead'] })
  kind: string;

  @ApiProperty({ format: 'date-time' })
  at: string;

  @ApiProperty()
  detail: string;
}

/** An endpoint with its latest news, newest first. */
export class EndpointWithEvents extends EndpointView {
  @ApiProperty({ type: [EndpointEventView] })
  events: EndpointEventView[];

  @ApiProperty({ description: 'Deliveries that wait or are tried.' })
  pendingDeliveries: number;
}

/** An endpoint and its secret, which is shown this once. */
export class EndpointWithSecret extends EndpointView {
  @ApiProperty({ description: 'Standard Webhooks secret. It is not shown again.', example: 'whsec_…' })
  secret: string;
}

/** A page of endpoints. */
export class EndpointPage extends pageOf(EndpointView) {}
