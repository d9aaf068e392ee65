import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, type Principal, Requires } from '#libs/access';
import { CLOCK, type Clock } from '#libs/runtime';
import { platformOnly } from '../messages.errors.js';
import { ReconciliationQuery, ReconciliationView } from './reconciliation.dto.js';
import { differenceOf, total } from './reconciliation.js';
import { ReconciliationService } from './reconciliation.service.js';
import { countsView, placeView, summaryOf } from './reconciliation-views.js';

/** Whether the platform's books balance. */
@ApiTags('messages')
@Controller('api/v1/reconciliation')
export class ReconciliationController {
  constructor(
    @Inject(ReconciliationService) private readonly service: ReconciliationService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Requires('system:read')
  @ApiOperation({
    summary: 'Whether every acknowledged message is accounted for',
    description:
      'acknowledged = stored + deadLettered + inFlight, over all tenants and since the first start: for those who run the platform. Messages that the gateway refuses at once never enter the flow and are not in it.',
  })
  @ApiOkResponse({ type: ReconciliationView })
  async read(
    @CurrentPrincipal() principal: Principal,
    @Query() { places: choice }: ReconciliationQuery,
  ): Promise<ReconciliationView> {
    if (!principal.allTenants) throw platformOnly();
    const places = await this.service.look();
    const sum = total(places);
    const shown = places.filter((place) => choice === 'all' || (choice === 'different' && differenceOf(place) !== 0));
    return {
      at: new Date(this.clock.now()).toISOString(),
      summary: summaryOf(sum),
      ...countsView(sum),
      places: shown.map(placeView),
    };
  }
}
