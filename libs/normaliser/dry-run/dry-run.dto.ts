import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  IsBase64,
  IsHexadecimal,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';

const longestText = 262_144;
const kinds = ['up', 'telemetry', 'event'] as const;

/** A frame to decode without keeping anything. Exactly one of `hex`, `base64` and `text` carries its bytes. */
export class DecodeRequest {
  @ApiPropertyOptional({ description: 'The bytes in hexadecimal, two digits each.', example: '2100000064' })
  @IsOptional()
  @IsHexadecimal()
  @MaxLength(longestText * 2)
  hex?: string;

  @ApiPropertyOptional({ description: 'The bytes in base64.' })
  @IsOptional()
  @IsBase64()
  @MaxLength(longestText * 2)
  base64?: string;

  @ApiPropertyOptional({ description: 'The bytes as UTF-8 text.', example: '{"values":{"battery":3.6}}' })
  @IsOptional()
  @IsString()
  @MaxLength(longestText)
  text?: string;

  @ApiPropertyOptional({
    enum: kinds,
    default: 'up',
    description: "`up` goes to the product's decoder; `telemetry` and `event` are canonical JSON.",
  })
  @IsOptional()
  @IsIn(kinds)
  kind: (typeof kinds)[number] = 'up';

  @ApiPropertyOptional({ minimum: 0, maximum: 255, description: 'LoRaWAN fPort, or the port in the topic.' })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(255)
  port?: number;

  @ApiPropertyOptional({ description: 'Identifier of the event, for kind `event`.' })
  @IsOptional()
  @Matches(/^[A-Za-z0-9._-]{1,64}$/)
  event?: string;

  @ApiPropertyOptional({ description: 'When the frame was received, RFC 3339; default now.' })
  @IsOptional()
  @IsISO8601({ strict: true })
  receivedAt?: string;

  @ApiPropertyOptional({ type: Object, description: "The device's settings, which a codec sees as `variables`." })
  @IsOptional()
  @IsObject()
  settings?: Record<string, unknown>;

  @ApiPropertyOptional({ minimum: 1, description: 'The version to try; default the one devices use, else the latest.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  version?: number;

  @ApiPropertyOptional({
    type: Object,
    description: 'What to try instead of what the version has: `{thingModel?, decoder?}`.',
    example: {
      decoder: { kind: 'codec', script: 'function decodeUplink(input) { return { data: {} }; }', mapping: [] },
    },
  })
  @IsOptional()
  @IsObject()
  draft?: Record<string, unknown>;
}

const anyValue = { oneOf: [{ type: 'number' }, { type: 'boolean' }, { type: 'string' }, { type: 'object' }] };

/** One metric of a decoded report. */
export class DecodedReading {
  @ApiProperty()
  metric: string;

  @ApiProperty(anyValue)
  value: unknown;

  @ApiProperty({ type: String, nullable: true, description: 'UCUM unit of the thing model; null where it has none.' })
  unit: string | null;

  @ApiProperty({ type: [String], description: '`good`, or doubts such as `coerced` or `out_of_range`.' })
  quality: string[];
}

/** What the device reported for one moment. */
export class DecodedReportView {
  @ApiProperty({ description: 'RFC 3339 UTC' })
  observedAt: string;

  @ApiProperty({ type: String, nullable: true, description: "The device's own time where it was not believed." })
  deviceTime: string | null;

  @ApiProperty({ type: Number, nullable: true })
  seq: number | null;

  @ApiProperty()
  revision: number;

  @ApiProperty({ type: String, nullable: true })
  event: string | null;

  @ApiProperty({ type: [DecodedReading] })
  readings: DecodedReading[];
}

/** Something to look at; the frame decodes all the same. */
export class DecodeWarning {
  @ApiProperty()
  kind: string;

  @ApiProperty()
  detail: string;
}

/** A place in a codec's script. */
export class ScriptPlace {
  @ApiProperty({ description: 'From 1' })
  line: number;

  @ApiProperty({ type: Number, nullable: true, description: 'From 1' })
  column: number | null;
}

/** Why a frame would be refused. */
export class DecodeError {
  @ApiProperty({ description: 'snake_case, as in dead letters and discards', example: 'codec_exception' })
  reason: string;

  @ApiProperty()
  detail: string;

  @ApiProperty({ type: ScriptPlace, nullable: true, description: "Where in the codec's script, if it was the codec." })
  position: ScriptPlace | null;
}

/** What a product version makes of a frame. */
export class DecodeResultView {
  @ApiProperty({ enum: ['decoded', 'rejected'] })
  outcome: 'decoded' | 'rejected';

  @ApiProperty({ description: 'As the frame ledger would name it', example: 'codec@3' })
  decoder: string;

  @ApiProperty({ description: 'The version tried' })
  version: number;

  @ApiProperty({ type: [DecodedReportView], description: 'Empty for a heartbeat' })
  reports: DecodedReportView[];

  @ApiProperty({ type: [DecodeWarning] })
  warnings: DecodeWarning[];

  @ApiProperty({ type: [DecodeError], description: 'Empty where the frame decodes' })
  errors: DecodeError[];

  @ApiProperty({ type: [String], description: 'What the codec printed with console.log' })
  logs: string[];

  @ApiProperty({ description: 'Time it took, in milliseconds' })
  elapsedMs: number;
}
