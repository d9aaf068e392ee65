import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsObject, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { PageQuery, pageOf } from '#libs/runtime';
import type { CommandState } from './commands.repository.js';

const states = ['queued', 'sent', 'acknowledged', 'replied', 'failed', 'expired', 'cancelled'] as const;

export class NewCommand {
  @ApiProperty({
    example: 'setValve',
    description: "Identifier of a command in the thing model of the device's product.",
  })
  @IsString()
  @Length(1, 64)
  command: string;

  @ApiPropertyOptional({ type: Object, description: 'Every input of the command.', example: { position: 'closed' } })
  @IsOptional()
  @IsObject()
  parameters?: Record<string, unknown>;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: 2_592_000,
    description: 'How long it may wait for the device; default COMMANDS_EXPIRE_SECONDS.',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(2_592_000)
  expiresInSeconds?: number;
}

export class CommandQuery extends PageQuery {
  @ApiPropertyOptional({ enum: states })
  @IsOptional()
  @IsIn(states)
  state?: CommandState;
}

export class CommandStep {
  @ApiProperty({ enum: states })
  state: CommandState;

  @ApiProperty({ format: 'date-time' })
  at: string;
}

export class CommandView {
  @ApiProperty({ description: 'What the device knows it by, however often it is sent.' })
  id: string;

  @ApiProperty()
  deviceId: string;

  @ApiProperty()
  command: string;

  @ApiProperty({ type: Object })
  parameters: unknown;

  @ApiProperty({
    enum: states,
    description:
      'queued: waits for the device to connect. sent: handed to its session, or to the cluster it connects to. acknowledged: it has it. replied, or failed where the reply names an `error`.',
  })
  state: CommandState;

  @ApiProperty({ type: [CommandStep], description: 'What happened when, the earliest first.' })
  timeline: CommandStep[];

  @ApiProperty({ type: Object, nullable: true, description: 'What the device replied.' })
  reply: unknown;

  @ApiProperty({ type: String, nullable: true, description: 'The message that replied.' })
  replyMessageId: string | null;

  @ApiProperty({ description: 'Who sent it.' })
  issuedBy: string;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;

  @ApiProperty({ format: 'date-time' })
  expiresAt: string;
}

export class CommandPage extends pageOf(CommandView) {}
