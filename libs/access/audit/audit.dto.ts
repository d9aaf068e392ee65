import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsISO8601, IsOptional, IsUUID } from 'class-validator';
import { PageQuery, pageOf } from '#libs/runtime';
import { type AuditOutcome, auditOutcomes } from './audit-record.js';

export class AuditQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Only what this user or API key did.' })
  @IsOptional()
  @IsUUID()
  principalId?: string;

  @ApiPropertyOptional({ enum: auditOutcomes })
  @IsOptional()
  @IsIn(auditOutcomes)
  outcome?: AuditOutcome;

  @ApiPropertyOptional({ description: 'Not before this time (RFC 3339).' })
  @IsOptional()
  @IsISO8601({ strict: true })
  from?: string;

  @ApiPropertyOptional({ description: 'Before this time (RFC 3339).' })
  @IsOptional()
  @IsISO8601({ strict: true })
  to?: string;
}

export class AuditRecordView {
  @ApiProperty({ description: 'Place in the chain, from 1, without gaps.' }) sequence: number;
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ enum: ['user', 'api_key', 'anonymous'] }) principalKind: string;
  @ApiProperty({ type: String, nullable: true }) principalId: string | null;
  @ApiProperty() principalName: string;
  @ApiProperty({ type: String, nullable: true }) tenantId: string | null;
  @ApiProperty() method: string;
  @ApiProperty({ description: 'Template of the route.' }) route: string;
  @ApiProperty({ type: String, nullable: true }) resourceId: string | null;
  @ApiProperty({ enum: auditOutcomes }) outcome: string;
  @ApiProperty({ description: 'HTTP status.' }) status: number;
  @ApiProperty({ type: String, nullable: true, description: 'Code of the problem.' }) code: string | null;
  @ApiProperty() ip: string;
  @ApiProperty() requestId: string;
  @ApiProperty({ description: 'SHA-256, hex.' }) hash: string;
}

export class AuditRecordPage extends pageOf(AuditRecordView) {}

export class ChainProblemView {
  @ApiProperty() sequence: number;
  @ApiProperty() problem: string;
}

export class VerificationView {
  @ApiProperty({ description: 'True where no record was changed, removed or put in.' }) intact: boolean;
  @ApiProperty({ description: 'Records looked at.' }) records: number;
  @ApiProperty({ type: ChainProblemView, nullable: true }) problem: ChainProblemView | null;
}
