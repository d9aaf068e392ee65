import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { type Lane, lanes } from '#libs/contracts';

/** Which lanes of which partitions to show one by one. */
export const placeChoices = ['none', 'different', 'all'] as const;

/** How much to tell. */
export class ReconciliationQuery {
  @ApiPropertyOptional({
    enum: placeChoices,
    default: 'none',
    description: 'Show also each lane and partition: all of them, or those with a difference',
  })
  @IsOptional()
  @IsIn(placeChoices)
  places: (typeof placeChoices)[number] = 'none';
}

/** Why messages are dead letters. */
export class DeadLetteredView {
  @ApiProperty({ description: 'The normaliser could make nothing of them' })
  rejected: number;

  @ApiProperty({ description: 'The telemetry store cannot hold their frames' })
  unstorable: number;

  @ApiProperty({ description: 'A stage failed on them every time' })
  givenUp: number;
}

/** Where messages are under way. */
export class InFlightView {
  @ApiProperty({ description: 'Wait for the normaliser' })
  raw: number;

  @ApiProperty({ description: 'Wait to be stored' })
  readings: number;
}

/** Where messages vanished. */
export class MissingView {
  @ApiProperty({ description: 'Acknowledged, and gone before the normaliser had passed them on' })
  raw: number;

  @ApiProperty({ description: 'Passed on by the normaliser, and not in the telemetry store' })
  readings: number;
}

/** Counts of messages since ever. */
export class CountsView {
  @ApiProperty({ description: 'Durable, so that devices were told so; or put back by people' })
  acknowledged: number;

  @ApiProperty({ description: 'Stored, though retention may have deleted them since' })
  stored: number;

  @ApiProperty({ description: 'Became dead letters, whether replayed since or not' })
  deadLettered: number;

  @ApiProperty({ description: 'Still on their way' })
  inFlight: number;

  @ApiProperty({ description: 'Missing, and any that are there too often: 0 when all is well' })
  difference: number;

  @ApiProperty({ type: DeadLetteredView })
  deadLetteredBy: DeadLetteredView;

  @ApiProperty({ type: InFlightView })
  inFlightIn: InFlightView;

  @ApiProperty({ type: MissingView })
  missingFrom: MissingView;

  @ApiProperty({ description: 'Stored or passed on without having been acknowledged' })
  surplus: number;
}

/** One lane of one partition. */
export class PlaceCountsView extends CountsView {
  @ApiProperty({ enum: lanes })
  lane: Lane;

  @ApiProperty()
  partition: number;
}

/** A sentence for people. */
export class SentenceView {
  @ApiProperty()
  zh: string;

  @ApiProperty()
  en: string;
}

/** Whether everything that was acknowledged is accounted for. */
export class ReconciliationView extends CountsView {
  @ApiProperty({ format: 'date-time' })
  at: string;

  @ApiProperty({ type: SentenceView })
  summary: SentenceView;

  @ApiProperty({ type: [PlaceCountsView] })
  places: PlaceCountsView[];
}
