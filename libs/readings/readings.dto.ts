import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { frameOutcomes } from '#libs/contracts';
import { PageQuery, pageOf } from '#libs/runtime';
import { aggregations } from '#libs/telemetry-store';

/** Most devices that one question may name. */
export const maxDevices = 1_000;
const maxMetrics = 100;

/** `?metric=a,b` and `?metric=a&metric=b` are the same. */
const SeveralOf = () =>
  Transform(({ value }: { value: unknown }) =>
    (Array.isArray(value) ? value : [value]).flatMap((part) => (typeof part === 'string' ? part.split(',') : [part])),
  );

/** RFC 3339 with a zone. A plus sign that came unescaped arrives as a space. */
const Instant = () => (target: object, property: string) => {
  Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' ? value.replace(/ (\d\d:\d\d)$/, '+$1') : value,
  )(target, property);
  Matches(/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/, {
    message: `${property} must be an RFC 3339 time with a zone, such as 2026-11-22T10:00:00Z`,
  })(target, property);
};

/** The range of a question about one device. */
class RangeQuery extends PageQuery {
  @ApiPropertyOptional({ format: 'date-time', description: 'At or after. Default: 24 hours before `to`.' })
  @IsOptional()
  @Instant()
  from?: string;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'Before. Default: now, and a day more for readings ahead of it.',
  })
  @IsOptional()
  @Instant()
  to?: string;
}

/** Query of a device's readings. */
export class ReadingsQuery extends RangeQuery {
  @ApiPropertyOptional({ type: [String], description: 'Metrics, one or more, also comma-separated. Default: all.' })
  @IsOptional()
  @SeveralOf()
  @IsArray()
  @ArrayMaxSize(maxMetrics)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  metric?: string[];

  @ApiPropertyOptional({ description: 'Rows per page.', minimum: 1, maximum: 5000, default: 500 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(5_000)
  override limit: number = 500;
}

/** Query of a device's frames. */
export class FramesQuery extends RangeQuery {}

/** Query of the latest readings of several devices. */
export class LatestQuery {
  @ApiProperty({ type: [String], description: `Device ids, up to ${maxDevices}, also comma-separated.` })
  @SeveralOf()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(maxDevices)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  device: string[];
}

/** Query of a downsampled series. */
export class SeriesQuery {
  @ApiProperty({ description: 'The metric.' })
  @IsString()
  @MaxLength(200)
  metric: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'At or after. Default: 24 hours before `to`.' })
  @IsOptional()
  @Instant()
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before. Default: now.' })
  @IsOptional()
  @Instant()
  to?: string;

  @ApiPropertyOptional({
    description:
      'Width of a bucket: an ISO 8601 duration (PT15M, PT1H, P1D, P1W) or whole seconds. Buckets begin with the local day.',
    default: 'PT1H',
  })
  @IsOptional()
  @IsString()
  @MaxLength(40)
  step: string = 'PT1H';

  @ApiPropertyOptional({
    enum: aggregations,
    description: 'Default by the kind of metric: counter increase, gauge mean, state last.',
  })
  @IsOptional()
  @IsIn(aggregations)
  aggregation?: (typeof aggregations)[number];
}

/** Which devices a live stream shows. */
export class ReadingFeedQuery {
  @ApiPropertyOptional({
    type: [String],
    description: `Device ids, up to ${maxDevices}, also comma-separated. Default: all.`,
  })
  @IsOptional()
  @SeveralOf()
  @IsArray()
  @ArrayMaxSize(maxDevices)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  device?: string[];

  @ApiPropertyOptional({ type: [String], description: 'Product ids. Default: all.' })
  @IsOptional()
  @SeveralOf()
  @IsArray()
  @ArrayMaxSize(maxMetrics)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  product?: string[];
}

/** A name in both languages. */
export class NameView {
  @ApiProperty()
  zh: string;

  @ApiProperty()
  en: string;
}

/** One reading. */
export class ReadingView {
  @ApiProperty({ example: 'metering.water.total' })
  metric: string;

  @ApiProperty({ type: NameView, nullable: true, description: 'Null for a metric that the product does not describe.' })
  name: NameView | null;

  @ApiProperty({ type: String, nullable: true, description: 'UCUM, case-sensitive.', example: 'L' })
  unit: string | null;

  @ApiProperty({ oneOf: [{ type: 'number' }, { type: 'boolean' }, { type: 'string' }, { type: 'object' }] })
  value: unknown;

  @ApiProperty({ type: [String], description: '`good`, or every doubt about the reading.', example: ['good'] })
  quality: string[];

  @ApiProperty({ format: 'date-time', description: 'When the device observed it.' })
  observedAt: string;

  @ApiProperty({ format: 'date-time' })
  receivedAt: string;

  @ApiProperty({
    format: 'date-time',
    type: String,
    nullable: true,
    description: 'Null in a live stream: not stored yet.',
  })
  storedAt: string | null;

  @ApiProperty({
    format: 'date-time',
    type: String,
    nullable: true,
    description: 'What the device said, where it could not be right.',
  })
  deviceTime: string | null;

  @ApiProperty({ type: Number, nullable: true, description: 'The sequence number that the device gave.' })
  seq: number | null;

  @ApiProperty({ description: 'A higher revision of a reading has replaced the lower ones.' })
  revision: number;

  @ApiProperty({ description: 'The message that brought it: see the frames of the device.' })
  messageId: string;
}

/** A page of readings. */
export class ReadingPage extends pageOf(ReadingView) {
  @ApiProperty({
    format: 'date-time',
    description: 'Readings observed before are no longer kept: of an earlier range only series answer, from roll-ups.',
  })
  keptFrom: string;
}

/** The latest reading of every metric of a device. */
export class LatestView {
  @ApiProperty()
  deviceId: string;

  @ApiProperty({ type: [ReadingView], description: 'By metric; empty where nothing was received.' })
  readings: ReadingView[];
}

/** The latest readings of several devices. */
export class LatestListView {
  @ApiProperty({ type: [LatestView] })
  items: LatestView[];
}

/** One bucket of a series. */
export class BucketView {
  @ApiProperty({ format: 'date-time', description: 'Where the bucket begins.' })
  at: string;

  @ApiProperty({ type: Number, nullable: true, description: 'Null where there is no reading: silence is not zero.' })
  value: number | null;
}

/** A downsampled metric. */
export class SeriesView {
  @ApiProperty()
  deviceId: string;

  @ApiProperty()
  metric: string;

  @ApiProperty({ type: NameView, nullable: true })
  name: NameView | null;

  @ApiProperty({ type: String, nullable: true })
  unit: string | null;

  @ApiProperty({ enum: aggregations })
  aggregation: (typeof aggregations)[number];

  @ApiProperty({ format: 'date-time' })
  from: string;

  @ApiProperty({ format: 'date-time' })
  to: string;

  @ApiProperty({ description: 'Seconds.' })
  stepSeconds: number;

  @ApiProperty({ type: [BucketView] })
  buckets: BucketView[];
}

/** A frame: what a device sent, and what became of it. */
export class FrameView {
  @ApiProperty()
  messageId: string;

  @ApiProperty({ format: 'date-time' })
  receivedAt: string;

  @ApiProperty({ format: 'date-time' })
  storedAt: string;

  @ApiProperty({ enum: frameOutcomes })
  outcome: (typeof frameOutcomes)[number];

  @ApiProperty({ type: String, nullable: true, description: 'Why it was refused.' })
  reason: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'The decoder and its version.', example: 'cjt188@1' })
  decoder: string | null;

  @ApiProperty({ type: String, nullable: true })
  productId: string | null;

  @ApiProperty()
  productVersion: number;

  @ApiProperty()
  bytes: number;

  @ApiProperty({ description: 'The payload in base64.' })
  base64: string;

  @ApiProperty({ type: String, nullable: true, description: 'The payload as text, where it is text.' })
  text: string | null;
}

/** A page of frames, newest first. */
export class FramePage extends pageOf(FrameView) {}
