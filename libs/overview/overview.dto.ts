import { ApiProperty } from '@nestjs/swagger';
import { type Lane, lanes } from '#libs/contracts';

export class DeviceCounts {
  @ApiProperty({ description: 'All but the retired.' }) total: number;
  @ApiProperty() online: number;
  @ApiProperty({ description: 'Silent for longer than they should be.' }) offline: number;
  @ApiProperty({ description: 'Registered, and never heard of.' }) neverSeen: number;
  @ApiProperty() disabled: number;
}

export class SeverityCounts {
  @ApiProperty() total: number;
  @ApiProperty() critical: number;
  @ApiProperty() major: number;
  @ApiProperty() minor: number;
  @ApiProperty() warning: number;
  @ApiProperty() info: number;
}

class Standing {
  @ApiProperty({ type: DeviceCounts }) devices: DeviceCounts;
  @ApiProperty({
    type: SeverityCounts,
    nullable: true,
    description: 'Alerts that are not cleared; null for who may not read alerts.',
  })
  alerts: SeverityCounts | null;
}

export class DomainStanding extends Standing {
  @ApiProperty({ example: 'water', description: "As the devices' products say." }) domain: string;
}

export class ProductName {
  @ApiProperty() zh: string;
  @ApiProperty() en: string;
}

export class ProductStanding extends Standing {
  @ApiProperty() productId: string;
  @ApiProperty({ type: ProductName }) name: ProductName;
  @ApiProperty() domain: string;
}

export class AreaStanding extends Standing {
  @ApiProperty({
    type: String,
    nullable: true,
    example: '520302',
    description: 'GB/T 2260 division code; null for the devices whose installation names none.',
  })
  areaCode: string | null;
}

export class AlertStanding {
  @ApiProperty({ type: SeverityCounts, description: 'Not cleared.' }) open: SeverityCounts;
  @ApiProperty({ type: SeverityCounts, description: 'Of these, those that nobody has acknowledged.' })
  unacknowledged: SeverityCounts;
}

export class FlowView {
  @ApiProperty({
    type: Number,
    nullable: true,
    description:
      'Messages of the devices seen, over the last half minute; null for a few seconds after somebody first asked.',
  })
  messagesPerSecond: number | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'Messages refused since ever; null for who may not read dead letters.',
  })
  discards: number | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'How long the oldest message has waited for a stage, in seconds, of the whole platform.',
  })
  lagSeconds: number | null;
}

export class TrendView {
  @ApiProperty({ format: 'date-time', description: 'The beginning of the first figure.' }) from: string;
  @ApiProperty({ description: 'How far figures are apart. Each array has 60; null where nothing was counted.' })
  stepMs: number;
  @ApiProperty({ type: 'array', items: { type: 'number', nullable: true } }) messagesPerSecond: (number | null)[];
  @ApiProperty({
    type: 'array',
    items: { type: 'number', nullable: true },
    nullable: true,
    description: 'Messages refused in each minute; null for who may not read dead letters.',
  })
  discards: (number | null)[] | null;
  @ApiProperty({ type: 'array', items: { type: 'number', nullable: true } }) lagSeconds: (number | null)[];
  @ApiProperty({ type: 'array', items: { type: 'number', nullable: true } }) devicesOnline: (number | null)[];
  @ApiProperty({
    type: 'array',
    items: { type: 'number', nullable: true },
    nullable: true,
    description: 'Null for who may not read alerts.',
  })
  openAlerts: (number | null)[] | null;
}

export class StageView {
  @ApiProperty({ example: 'normaliser' }) stage: string;
  @ApiProperty({ example: 'raw' }) stream: string;
  @ApiProperty({ enum: lanes }) lane: Lane;
  @ApiProperty({ description: 'Messages that it has still to take.' }) messages: number;
  @ApiProperty({ description: 'How long the oldest of them has waited.' }) seconds: number;
}

export class SystemView {
  @ApiProperty({ description: 'Messages that stages have still to take.' }) lagMessages: number;
  @ApiProperty({ type: [StageView] }) stages: StageView[];
}

export class OverviewView {
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ type: DeviceCounts }) devices: DeviceCounts;
  @ApiProperty({ type: AlertStanding, nullable: true, description: 'Null for who may not read alerts.' })
  alerts: AlertStanding | null;
  @ApiProperty({ type: [DomainStanding] }) domains: DomainStanding[];
  @ApiProperty({ type: [ProductStanding] }) products: ProductStanding[];
  @ApiProperty({ type: [AreaStanding], description: 'In order of their code.' }) areas: AreaStanding[];
  @ApiProperty({ type: FlowView }) flow: FlowView;
  @ApiProperty({ type: TrendView, description: 'The last hour, as far as this process has been running.' })
  trend: TrendView;
  @ApiProperty({ type: SystemView, nullable: true, description: 'For who runs the platform; null for everybody else.' })
  system: SystemView | null;
}
