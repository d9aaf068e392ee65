import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { type Severity, severities } from '#libs/contracts';
import { AreaFilter } from '#libs/devices';
import { type DeviceState, deviceStates } from '../fleet/fleet-table.js';
import { ProductName } from '../overview.dto.js';

export class MapQuery {
  @ApiPropertyOptional({ description: 'Product id.' })
  @IsOptional()
  @IsString()
  @MaxLength(64)
  product?: string;

  @AreaFilter()
  area?: string;
}

export class MapProduct {
  @ApiProperty() id: string;
  @ApiProperty({ type: ProductName }) name: ProductName;
  @ApiProperty() domain: string;
}

const column = (of: string) => ({ type: 'array' as const, items: { type: of } });

/** Devices in columns: the n-th device is the n-th value of each. */
export class DeviceColumns {
  @ApiProperty(column('string')) id: string[];
  @ApiProperty({ ...column('number'), description: 'Degrees, WGS-84.' }) longitude: number[];
  @ApiProperty({ ...column('number'), description: 'Degrees, WGS-84.' }) latitude: number[];
  @ApiProperty({ ...column('integer'), description: 'Index into `products`.' }) product: number[];
  @ApiProperty({ ...column('integer'), description: 'Index into `areas`.' }) area: number[];
  @ApiProperty({ ...column('integer'), description: 'Index into `states`.' }) state: number[];
  @ApiProperty({
    ...column('integer'),
    description: 'Index into `severities` of its worst open alert; their number where it has none.',
  })
  severity: number[];
}

export class MapView {
  @ApiProperty({ description: 'Pass as `Last-Event-ID` to the stream, to be told what has changed since.' })
  revision: string;
  @ApiProperty({ type: [MapProduct] }) products: MapProduct[];
  @ApiProperty({ ...column('string'), description: "GB/T 2260 division codes; '' for no area." }) areas: string[];
  @ApiProperty({ ...column('string'), example: deviceStates }) states: readonly DeviceState[];
  @ApiProperty({ ...column('string'), example: severities }) severities: readonly Severity[];
  @ApiProperty({ type: DeviceColumns }) devices: DeviceColumns;
}

export class MapChange {
  @ApiProperty() id: string;
  @ApiProperty() productId: string;
  @ApiProperty({ description: "GB/T 2260 division code; '' for no area." }) areaCode: string;
  @ApiProperty({ description: 'Degrees, WGS-84.' }) longitude: number;
  @ApiProperty({ description: 'Degrees, WGS-84.' }) latitude: number;
  @ApiProperty({ enum: deviceStates }) state: DeviceState;
  @ApiProperty({ type: String, nullable: true, enum: severities, description: 'Of its worst open alert.' })
  severity: Severity | null;
}

/** An event `changes` of the stream. */
export class MapChanges {
  @ApiProperty({ type: [MapChange], description: 'As they are now: new ones, moved ones, others.' })
  devices: MapChange[];
  @ApiProperty({ ...column('string'), description: 'Ids of devices that are on the map no more.' }) removed: string[];
}
