import { ApiProperty } from '@nestjs/swagger';
import { LocalNameDto } from '../products/products.dto.js';
import type { Boundary } from './area-file.js';

export class AreaView {
  @ApiProperty({ example: '520302', description: 'GB/T 2260 division code.' }) code: string;
  @ApiProperty({ type: LocalNameDto }) name: LocalNameDto;
  @ApiProperty({
    type: 'object',
    nullable: true,
    additionalProperties: true,
    description: 'GeoJSON Polygon or MultiPolygon (RFC 7946, WGS-84); null where nobody has drawn it.',
  })
  boundary: Boundary | null;
}

export class AreaList {
  @ApiProperty({ type: [AreaView] }) items: readonly AreaView[];
}
