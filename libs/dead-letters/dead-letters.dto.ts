import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsISO8601, IsOptional, IsString, MaxLength } from 'class-validator';
import { PageQuery, pageOf } from '#libs/runtime';

const longestName = 100;
const longestDeviceId = 64;

/** Which dead letters to list. */
export class DeadLetterQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'gateway, normaliser, readings, rules, alerts, notifier' })
  @IsOptional()
  @IsString()
  @MaxLength(longestName)
  stage?: string;

  @ApiPropertyOptional({ description: 'snake_case reason, as in GET /api/v1/discards' })
  @IsOptional()
  @IsString()
  @MaxLength(longestName)
  reason?: string;

  @ApiPropertyOptional({ description: 'Device id, in any letter case' })
  @IsOptional()
  @IsString()
  @MaxLength(longestDeviceId)
  device?: string;

  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'Only those replayed, or only those not' })
  @IsOptional()
  @IsIn(['true', 'false'])
  replayed?: 'true' | 'false';

  @ApiPropertyOptional({ description: 'Refused at this RFC 3339 time or later' })
  @IsOptional()
  @IsISO8601({ strict: true })
  from?: string;

  @ApiPropertyOptional({ description: 'Refused before this RFC 3339 time' })
  @IsOptional()
  @IsISO8601({ strict: true })
  to?: string;
}

/** Which dead letters to replay: all that fit, the oldest first, up to the limit of one request. */
export class ReplayDeadLetters {
  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(longestName)
  stage?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(longestName)
  reason?: string;

  @ApiPropertyOptional({ description: 'Device id, in any letter case' })
  @IsOptional()
  @IsString()
  @MaxLength(longestDeviceId)
  device?: string;

  @ApiPropertyOptional({ description: 'Refused at this RFC 3339 time or later' })
  @IsOptional()
  @IsISO8601({ strict: true })
  from?: string;

  @ApiPropertyOptional({ description: 'Refused before this RFC 3339 time' })
  @IsOptional()
  @IsISO8601({ strict: true })
  to?: string;
}

/** Something a stage refused, without its content. */
export class DeadLetterView {
  @ApiProperty()
  id: string;

  @ApiProperty({ description: 'The stage that refused it' })
  stage: string;

  @ApiProperty({ description: 'snake_case reason' })
  reason: string;

  @ApiProperty({ description: 'What was wrong with what' })
  detail: string;

  @ApiProperty({ description: 'The device id', type: String, nullable: true })
  device: string | null;

  @ApiProperty({ description: 'The raw message it came from', type: String, nullable: true })
  messageId: string | null;

  @ApiProperty({ format: 'date-time' })
  at: string;

  @ApiProperty({ description: 'False where there is nothing that could be replayed' })
  replayable: boolean;

  @ApiProperty({ format: 'date-time', type: String, nullable: true })
  replayedAt: string | null;

  @ApiProperty({ type: String, nullable: true })
  replayedBy: string | null;

  @ApiProperty({ description: 'Size of the original' })
  bytes: number;
}

/** A page of dead letters. */
export class DeadLetterPage extends pageOf(DeadLetterView) {}

/** Bytes, in the forms that people read. */
export class ContentView {
  @ApiProperty()
  bytes: number;

  @ApiProperty()
  hex: string;

  @ApiProperty()
  base64: string;

  @ApiProperty({ description: 'The first characters, where it is UTF-8 text', type: String, nullable: true })
  text: string | null;
}

/** A dead letter with what was refused. */
export class DeadLetterDetail extends DeadLetterView {
  @ApiProperty({ description: 'telemetry, up, event, where it is a message of a device', type: String, nullable: true })
  kind: string | null;

  @ApiProperty({ description: 'The event or port of that message', type: String, nullable: true })
  name: string | null;

  @ApiProperty({ description: "The device's bytes, or the stream entry where it is no message of a device" })
  content: ContentView;
}

/** What a replay by filter did. */
export class ReplayResult {
  @ApiProperty({ description: 'Letters put back into their streams' })
  replayed: number;

  @ApiProperty({ description: 'True where the limit of one request was reached: ask again' })
  more: boolean;
}

/** How often one stage refused something for one reason. */
export class DiscardView {
  @ApiProperty()
  stage: string;

  @ApiProperty()
  reason: string;

  @ApiProperty({ description: 'Dead letters ever, also those no longer kept' })
  count: number;

  @ApiProperty({ description: 'Of these, replayed' })
  replayed: number;

  @ApiProperty({ format: 'date-time' })
  lastAt: string;
}

/** All discards of a tenant, by stage and reason. */
export class DiscardList {
  @ApiProperty({ type: [DiscardView] })
  items: DiscardView[];
}
