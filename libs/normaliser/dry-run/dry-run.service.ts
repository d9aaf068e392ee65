import { Inject, Injectable } from '@nestjs/common';
import { type Principal, tenantScope } from '#libs/access';
import { CLOCK, type Clock, invalid, LIFECYCLE, type Lifecycle, notFound, startOrder } from '#libs/runtime';
import { NormaliserEngine } from '../normaliser.engine.js';
import type { ProductDefinition } from '../product-compiler.js';
import { readDraft } from './draft.js';
import type { DecodeRequest, DecodeResultView } from './dry-run.dto.js';
import { type Trial, type TrialResult, tryFrames } from './dry-run.js';
import { ProductVersionRepository } from './product-version.repository.js';

/** Lets vendors try frames on their products; nothing is kept. Has codec threads of its own, so that live frames never wait. */
@Injectable()
export class DryRunService {
  constructor(
    @Inject(NormaliserEngine) private readonly engine: NormaliserEngine,
    @Inject(ProductVersionRepository) private readonly versions: ProductVersionRepository,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    lifecycle.add({
      name: 'dry-run codecs',
      order: startOrder.directories,
      start: () => Promise.resolve(),
      stop: () => engine.codecs.stop(),
    });
  }

  /** Decodes a frame as the product's version, or a draft of it, would. Throws 404 `product_not_found`, 400 `validation_failed`. */
  async decode(principal: Principal, productId: string, request: DecodeRequest): Promise<DecodeResultView> {
    const definition = await this.versions.find(productId, request.version, tenantScope(principal));
    if (!definition) throw notFound(request.version === undefined ? 'product' : 'product_version', productId);
    const tried: ProductDefinition = { ...definition, ...(request.draft && readDraft(request.draft)) };
    const [result] = await tryFrames(this.engine, tried, [this.trial(principal, request)]);
    return view(result as TrialResult, definition.version);
  }

  private trial(principal: Principal, request: DecodeRequest): Trial {
    const { kind, port, event, settings } = request;
    if (kind === 'event' && event === undefined) {
      throw invalid('validation_failed', 'event: name the event that a frame of kind "event" announces.', {
        errors: [{ field: 'event', problem: 'is missing' }],
      });
    }
    const receivedAt = request.receivedAt === undefined ? this.clock.now() : Date.parse(request.receivedAt);
    const frame = {
      payload: payloadOf(request),
      receivedAt,
      port,
      tenantKey: principal.tenantKey,
      settings: settings ?? {},
    };
    return { kind, frame, event: kind === 'event' ? event : undefined };
  }
}

function payloadOf({ hex, base64, text }: DecodeRequest): Buffer {
  const given = [hex, base64, text].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw invalid('validation_failed', 'Give the bytes of the frame in exactly one of hex, base64 and text.', {
      errors: [{ field: 'hex', problem: `${given.length} of hex, base64 and text are given` }],
    });
  }
  if (hex !== undefined && (hex.length % 2 === 1 || hex.toLowerCase().startsWith('0x'))) {
    throw invalid('validation_failed', 'hex: two digits per byte, without 0x.', {
      errors: [{ field: 'hex', problem: 'is not two digits per byte' }],
    });
  }
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  return base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
}

function view(result: TrialResult, version: number): DecodeResultView {
  const { outcome, reason, detail, position, decoder, elapsedMs } = result;
  return {
    outcome,
    decoder,
    version,
    reports: result.reports.map((report) => ({
      observedAt: new Date(report.observedAt).toISOString(),
      deviceTime: report.deviceTime === undefined ? null : new Date(report.deviceTime).toISOString(),
      seq: report.seq ?? null,
      revision: report.revision,
      event: report.event ?? null,
      readings: report.readings.map(({ metric, value, unit, quality }) => ({
        metric,
        value,
        unit: unit ?? null,
        quality: [...quality],
      })),
    })),
    warnings: [...result.warnings],
    errors:
      outcome === 'decoded'
        ? []
        : [{ reason, detail, position: position ? { line: position.line, column: position.column ?? null } : null }],
    logs: [...result.logs],
    elapsedMs,
  };
}
