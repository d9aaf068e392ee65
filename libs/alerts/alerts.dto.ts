import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsArray, IsIn, IsNotEmpty, IsOptional, IsString, IsUUID, MaxLength, ValidateIf } from 'class-validator';
import { severities } from '#libs/contracts';
import { AreaFilter } from '#libs/devices';
import { IsInstant, PageQuery, pageOf } from '#libs/runtime';
import { alertStatuses, timelineKinds } from './alert.js';

/** `?status=open,acknowledged` and `?status=open&status=acknowledged` are the same. */
const SeveralOf = () =>
  Transform(({ value }: { value: unknown }) =>
    (Array.isArray(value) ? value : [value]).flatMap((part) => (typeof part === 'string' ? part.split(',') : [part])),
  );

/** Filters of the alert list. */
export class AlertQuery extends PageQuery {
  @ApiPropertyOptional({ enum: alertStatuses, isArray: true, description: 'One or more, also comma-separated.' })
  @IsOptional()
  @SeveralOf()
  @IsArray()
  @IsIn(alertStatuses, { each: true })
  status?: string[];

  @ApiPropertyOptional({ enum: severities, isArray: true, description: 'One or more, also comma-separated.' })
  @IsOptional()
  @SeveralOf()
  @IsArray()
  @IsIn(severities, { each: true })
  severity?: string[];

  @ApiPropertyOptional({ description: 'Id of the rule.' })
  @IsOptional()
  @IsUUID()
  rule?: string;

  @ApiPropertyOptional({ description: 'Id of the device.' })
  @IsOptional()
  @IsString()
  @MaxLength(64)
  device?: string;

  @ApiPropertyOptional({ description: 'Product of the device.' })
  @IsOptional()
  @IsString()
  @MaxLength(64)
  product?: string;

  @ApiPropertyOptional({ description: 'Domain of the product: water, parking, fire.' })
  @IsOptional()
  @IsString()
  @MaxLength(32)
  domain?: string;

  @AreaFilter()
  area?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Opened at or after.' })
  @IsOptional()
  @IsInstant()
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Opened before.' })
  @IsOptional()
  @IsInstant()
  to?: string;

  @ApiPropertyOptional({ description: 'Id of the user who sees to it.' })
  @IsOptional()
  @IsUUID()
  assignee?: string;
}

/** Why an alert is cleared. */
export class ClearAlert {
  @ApiProperty({ maxLength: 500, example: '现场核实为烹饪油烟 (cooking fumes, checked on site)' })
  @IsString()
  @IsNotEmpty()
  @MaxLength(500)
  reason: string;
}

/** A remark. */
export class CommentAlert {
  @ApiProperty({ maxLength: 2000 })
  @IsString()
  @IsNotEmpty()
  @MaxLength(2000)
  text: string;
}

/** Who sees to it. */
export class AssignAlert {
  @ApiProperty({ type: String, nullable: true, description: 'Id of a user of the same tenant; null for nobody.' })
  @ValidateIf((_body: unknown, value: unknown) => value !== null)
  @IsUUID()
  user: string | null;
}

/** A title in both languages. */
export class TitleView {
  @ApiProperty()
  zh: string;

  @ApiProperty()
  en: string;
}

/** The device an alert is about. */
export class AlertDeviceView {
  @ApiProperty()
  id: string;

  @ApiProperty({ type: String, nullable: true })
  name: string | null;

  @ApiProperty({ type: String, nullable: true })
  product: string | null;
}

/** The rule that raised it. */
export class AlertRuleView {
  @ApiProperty()
  id: string;

  @ApiProperty()
  revision: number;
}

/** The user who sees to it. */
export class AssigneeView {
  @ApiProperty()
  id: string;

  @ApiProperty()
  name: string;
}

/** Who an alert can be given to. */
export class AssigneeList {
  @ApiProperty({ type: [AssigneeView], description: 'By name; the first 500.' })
  items: AssigneeView[];
}

/** An alert. */
export class AlertView {
  @ApiProperty()
  id: string;

  @ApiProperty({ enum: alertStatuses })
  status: string;

  @ApiProperty({ enum: severities })
  severity: string;

  @ApiProperty({ type: TitleView })
  titles: TitleView;

  @ApiProperty({ type: AlertDeviceView })
  device: AlertDeviceView;

  @ApiProperty({ description: 'What it is kept open for: the device, or a group (a building) of a group rule.' })
  subject: string;

  @ApiProperty({ type: AlertRuleView })
  rule: AlertRuleView;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'The latest values that convinced the rule.',
  })
  evidence: Record<string, unknown>;

  @ApiProperty({ description: 'How often the rule saw it while it was open.' })
  occurrences: number;

  @ApiProperty({ format: 'date-time', description: 'Event time of the first evidence.' })
  firstAt: string;

  @ApiProperty({ format: 'date-time', description: 'Event time of the latest evidence.' })
  lastAt: string;

  @ApiProperty({ format: 'date-time' })
  openedAt: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  acknowledgedAt: string | null;

  @ApiProperty({ type: String, nullable: true })
  acknowledgedBy: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  clearedAt: string | null;

  @ApiProperty({ type: String, enum: ['rule', 'person'], nullable: true })
  clearedKind: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Who cleared it; null where the rule did.' })
  clearedBy: string | null;

  @ApiProperty({ type: String, nullable: true })
  clearReason: string | null;

  @ApiProperty({ type: AssigneeView, nullable: true })
  assignee: AssigneeView | null;

  @ApiProperty({ description: 'Raised by every change; the ETag.' })
  revision: number;
}

/** Something that happened to an alert. */
export class TimelineEntryView {
  @ApiProperty()
  id: string;

  @ApiProperty({ enum: timelineKinds })
  kind: string;

  @ApiProperty({ format: 'date-time' })
  at: string;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'The latest of a run of repetitions.',
  })
  until: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Who did it; null for the rule.' })
  by: string | null;

  @ApiProperty({ type: 'object', additionalProperties: true })
  detail: Record<string, unknown>;
}

/** An alert with everything that happened to it, oldest first (the latest 500). */
export class AlertWithTimeline extends AlertView {
  @ApiProperty({ type: [TimelineEntryView] })
  timeline: TimelineEntryView[];
}

/** A page of alerts, newest first. */
export class AlertPage extends pageOf(AlertView) {}
