import { Controller, Get, Header, Inject, Module, Res, SetMetadata } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { HEALTH, type Health, type HealthState } from '../health.js';
import { METRICS, type Metrics } from '../metrics.js';
import { PUBLIC_ROUTE } from './public-route.js';

/** `/health/live`: the process turns; `/health/ready`: it has what it needs to work. */
@ApiExcludeController()
@Controller('health')
@SetMetadata(PUBLIC_ROUTE, true)
export class HealthController {
  constructor(@Inject(HEALTH) private readonly health: Health) {}

  @Get('live')
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  /** 503 while a check fails; the body names it. */
  @Get('ready')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthState> {
    const state = await this.health.state();
    reply.status(state.ready ? 200 : 503);
    return state;
  }
}

/** `/metrics` in the Prometheus text format. */
@ApiExcludeController()
@Controller('metrics')
@SetMetadata(PUBLIC_ROUTE, true)
export class MetricsController {
  constructor(@Inject(METRICS) private readonly metrics: Metrics) {}

  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  render(): Promise<string> {
    return this.metrics.render();
  }
}

/** What whoever runs the platform looks at: health and metrics. */
@Module({ controllers: [HealthController, MetricsController] })
export class OperationsModule {}
