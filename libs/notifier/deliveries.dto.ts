import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { IsInstant, PageQuery, pageOf } from '#libs/runtime';

export const deliveryStatuses = ['pending', 'delivered', 'dead'] as const;

/** Filters of the delivery list. */
export class DeliveryQuery extends PageQuery {
  @ApiPropertyOptional({ enum: deliveryStatuses })
  @IsOptional()
  @IsIn(deliveryStatuses)
  status?: (typeof deliveryStatuses)[number];
}

/** What to send again. */
export class ReplayRange {
  @ApiProperty({ format: 'date-time', description: 'Queued at or after.' })
  @IsInstant()
  from: string;

  @ApiProperty({ format: 'date-time', description: 'Queued before.' })
  @IsInstant()
  to: string;

  @ApiPropertyOptional({ enum: ['dead', 'all'], default: 'dead', description: 'all: also what was delivered.' })
  @IsOptional()
  @IsIn(['dead', 'all'])
  include?: 'dead' | 'all';
}

/** What was set off. */
export class ReplayResult {
  @ApiProperty({ description: 'Deliveries that go out again, in their old order and under their old ids.' })
  replayed: number;

  @ApiProperty({ description: 'True where the range held more than one call takes: call again.' })
  more: boolean;
}

/** A delivery. */
export class DeliveryView {
  @ApiProperty()
  id: string;

  @ApiProperty()
  endpointId: string;

  @ApiProperty({ description: 'The webhook-id and CloudEvents id.' })
  eventId: string;

  @ApiProperty()
  type: string;

  @ApiProperty({ description: 'The alert (or, for news of endpoints, the endpoint) that it keeps its order with.' })
  alertId: string;

  @ApiProperty({ description: 'Per endpoint, without gaps.' })
  sequence: number;

  @ApiProperty({ enum: deliveryStatuses })
  status: string;

  @ApiProperty({ description: 'Since it was queued or replayed.' })
  attempts: number;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Null while another of its alert is before it.',
  })
  nextAttemptAt: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  finishedAt: string | null;

  @ApiProperty({ type: String, nullable: true })
  lastError: string | null;
}

/** One attempt of a delivery. */
export class AttemptView {
  @ApiProperty()
  attempt: number;

  @ApiProperty({ format: 'date-time' })
  at: string;

  @ApiProperty()
  durationMs: number;

  @ApiProperty({ type: Number, nullable: true, description: 'The HTTP status; null where no answer came.' })
  status: number | null;

  @ApiProperty({ description: "'' where it was delivered." })
  error: string;

  @ApiProperty({ description: 'The first bytes of the answer.' })
  answer: string;
}

/** A delivery with its body and its latest attempts, oldest first. */
export class DeliveryWithAttempts extends DeliveryView {
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'The CloudEvents body as sent.' })
  event: Record<string, unknown>;

  @ApiProperty({ type: [AttemptView] })
  attemptLog: AttemptView[];
}

/** A page of deliveries, newest first. */
export class DeliveryPage extends pageOf(DeliveryView) {}

/** What to reconcile. */
export class EventsQuery {
  @ApiPropertyOptional({ minimum: 0, default: 0, description: 'The last sequence you have.' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  after: number = 0;

  @ApiPropertyOptional({ minimum: 1, maximum: 500, default: 100 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  limit: number = 100;

  @ApiPropertyOptional({ description: "Id of an endpoint: its events under its own sequence, else the platform's." })
  @IsOptional()
  @IsUUID()
  endpoint?: string;
}

/** An event under its sequence. */
export class EventView {
  @ApiProperty()
  sequence: number;

  @ApiProperty({ type: 'object', additionalProperties: true, description: 'CloudEvents 1.0, as sent by webhook.' })
  event: Record<string, unknown>;
}

/** Events in order. */
export class EventsPage {
  @ApiProperty({ type: [EventView] })
  items: EventView[];

  @ApiProperty({ description: 'Pass as `after` for the next ones; unchanged where there is none yet.' })
  next: number;
}
