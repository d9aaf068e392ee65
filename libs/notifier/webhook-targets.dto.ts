import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

/** A network and port that a tenant's webhooks may reach although it is not public. */
export class AllowTarget {
  @ApiProperty({ example: '10.20.0.0/16', description: 'Never loopback or link-local; at least /8.' })
  @IsString()
  @MaxLength(50)
  cidr: string;

  @ApiProperty({ minimum: 1, maximum: 65535 })
  @IsInt()
  @Min(1)
  @Max(65_535)
  port: number;

  @ApiPropertyOptional({ maxLength: 200, description: 'Which system it is, and who asked.' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  note?: string;
}

/** An entry of a tenant's allow-list. */
export class WebhookTargetView {
  @ApiProperty()
  id: string;

  @ApiProperty()
  cidr: string;

  @ApiProperty()
  port: number;

  @ApiProperty()
  note: string;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;
}

/** A tenant's allow-list. */
export class WebhookTargetList {
  @ApiProperty({ type: [WebhookTargetView] })
  items: WebhookTargetView[];
}
