import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { DecodeRequest, DecodeResultView } from './dry-run.dto.js';
import { DryRunService } from './dry-run.service.js';

/** Trying a frame on a product. */
@ApiTags('products')
@Controller('api/v1/products')
export class DryRunController {
  constructor(@Inject(DryRunService) private readonly dryRuns: DryRunService) {}

  @Post(':id/decode')
  @HttpCode(200)
  @Requires('products:write')
  @ApiOperation({
    summary: 'Decode a frame without keeping anything',
    description:
      'With a version of the product or with a draft; shows readings, warnings, errors with their place in the script, and what the codec printed.',
  })
  @ApiOkResponse({ type: DecodeResultView })
  decode(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Body() body: DecodeRequest,
  ): Promise<DecodeResultView> {
    return this.dryRuns.decode(principal, id, body);
  }
}
