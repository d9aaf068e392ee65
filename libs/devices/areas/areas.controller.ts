import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Requires } from '#libs/access';
import type { Area } from './area-file.js';
import { AreaList } from './areas.dto.js';
import { AREAS } from './areas.provider.js';

/** The districts of the city, for names and the map. */
@ApiTags('areas')
@Controller('api/v1/areas')
export class AreasController {
  constructor(@Inject(AREAS) private readonly areas: readonly Area[]) {}

  @Get()
  @Requires('devices:read')
  @ApiOperation({
    summary: 'List the districts of the city',
    description: 'As the setting AREAS_FILE gives them. Installations may lie in others: these are names, not a limit.',
  })
  @ApiOkResponse({ type: AreaList })
  list(): AreaList {
    return { items: this.areas };
  }
}
