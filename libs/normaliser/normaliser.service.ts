import { Inject, Injectable } from '@nestjs/common';
import type { NormalisedMessage } from '#libs/contracts';
import { DeviceDirectory, ProductCatalogue, type ProductVersion } from '#libs/devices';
import type { StageBatch, StageResult } from '#libs/stream';
import { BatchOutput, frameOf, openBatch, type Work } from './batch.js';
import { type DecodeResult, type Decoder, type Frame, refused, type Warning } from './decoders/decoder.js';
import type { DeviceWindow } from './dedupe/device-window.js';
import { WindowStore } from './dedupe/window-store.js';
import { type Normalised, normalise, rejected } from './normalise.js';
import { NormaliserEngine } from './normaliser.engine.js';
import { NormaliserMetrics } from './normaliser.metrics.js';
import type { CompiledProduct } from './product-compiler.js';

const noSettings: Readonly<Record<string, unknown>> = Object.freeze({});
const noProduct = refused(
  'product_unknown',
  'The product of the device has no published version. Publish one, then replay.',
);

/** Turns batches of raw messages into normalised ones. One call at a time per partition. */
@Injectable()
export class NormaliserService {
  private readonly compiled = new Map<string, { source: ProductVersion; product: CompiledProduct }>();

  constructor(
    @Inject(NormaliserEngine) private readonly engine: NormaliserEngine,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(WindowStore) private readonly store: WindowStore,
    @Inject(NormaliserMetrics) private readonly metrics: NormaliserMetrics,
  ) {}

  /** Everything a batch leads to: normalised messages, dead letters, and the dedupe windows that changed. */
  async work(batch: StageBatch): Promise<StageResult> {
    const works = openBatch(batch);
    await this.attachProducts(works);
    await this.decode(works);
    const devices = new Set<string>();
    for (const work of works) if (work.result?.kind === 'decoded') devices.add(work.raw.deviceKey);
    const windows = await this.store.open(batch.source, devices);
    const output = new BatchOutput(
      { lane: batch.source.lane, partition: batch.source.partition },
      this.engine.config.maxOutputBytes,
    );
    const notes: Warning[] = [];
    for (const work of works) this.finish(work, windows.get(work.raw.deviceKey), output, notes);
    const append = output.finish();
    this.metrics.take(output);
    return { append, state: this.store.changes(windows) };
  }

  /** The product version of every message as it is now; the registry is asked only for one not seen yet. */
  private async attachProducts(works: readonly Work[]): Promise<void> {
    let unknown: Set<string> | undefined;
    for (const work of works) {
      work.product = this.currentProduct(work.raw.productKey);
      if (!work.product) {
        unknown ??= new Set();
        unknown.add(work.raw.productKey);
      }
    }
    if (!unknown) return;
    await Promise.all([...unknown].map((key) => this.catalogue.find(key)));
    for (const work of works) work.product ??= this.currentProduct(work.raw.productKey);
  }

  private currentProduct(productKey: string): CompiledProduct | undefined {
    const source = this.catalogue.current(productKey);
    if (!source) return undefined;
    const known = this.compiled.get(productKey);
    if (known?.source === source) return known.product;
    const product = this.engine.compiler.compile(source);
    this.compiled.set(productKey, { source, product });
    return product;
  }

  /** Canonical JSON is decoded at once; frames for other decoders are gathered, and handed over together. */
  private async decode(works: readonly Work[]): Promise<void> {
    const gathered = new Map<Decoder, { works: Work[]; frames: Frame[] }>();
    const { json } = this.engine.compiler;
    for (const work of works) {
      const { kind, payload } = work.raw;
      if (kind === 'connected' || kind === 'disconnected' || kind === 'reply') continue;
      if (!work.product) work.result = noProduct;
      else if (kind === 'telemetry') work.result = json.decodeOne(payload, false);
      else if (kind === 'event') work.result = json.decodeOne(payload, true);
      else this.gather(work, work.product.decoder, gathered);
    }
    if (gathered.size === 0) return;
    await Promise.all(
      [...gathered].map(async ([decoder, group]) => {
        const results = await decoder.decode(group.frames);
        group.works.forEach((work, index) => {
          work.result = results[index] as DecodeResult;
        });
      }),
    );
  }

  private gather(work: Work, decoder: Decoder, gathered: Map<Decoder, { works: Work[]; frames: Frame[] }>): void {
    const settings = this.directory.byKey(work.raw.deviceKey)?.settings ?? noSettings;
    let group = gathered.get(decoder);
    if (!group) {
      group = { works: [], frames: [] };
      gathered.set(decoder, group);
    }
    group.works.push(work);
    group.frames.push(frameOf(work.raw, settings));
  }

  private finish(work: Work, window: DeviceWindow | undefined, output: BatchOutput, notes: Warning[]): void {
    const { raw, result } = work;
    if (raw.kind === 'connected' || raw.kind === 'disconnected') {
      output.add(this.message(work, raw.kind, '', '', []));
      return;
    }
    if (raw.kind === 'reply') {
      // It observes nothing: kept in the ledger as any frame, and passed on to whoever sent the command.
      output.add(this.message(work, 'decoded', '', '', []));
      output.reply(work);
      return;
    }
    notes.length = 0;
    const judged = this.judge(work, result as DecodeResult, window, notes);
    if (notes.length > 0) {
      output.warn(notes);
      for (const note of notes) if (note.kind === 'unmodelled_limit') output.discards.add(note.kind);
    }
    const decoder = raw.kind === 'up' ? (work.product?.decoder.name ?? '') : this.engine.compiler.json.name;
    output.add(this.message(work, judged.outcome, judged.reason, decoder, judged.reports));
    if (judged.outcome === 'rejected') output.discards.add(judged.reason);
    if (judged.duplicateReports > 0) output.discards.add(judged.reason || 'duplicate', judged.duplicateReports);
    if (judged.duplicateReadings > 0) output.discards.add('duplicate_reading', judged.duplicateReadings);
    if (judged.reason !== '') output.refuse(work, judged.reason, judged.detail, this.engine.clock.now());
  }

  private judge(work: Work, result: DecodeResult, window: DeviceWindow | undefined, notes: Warning[]): Normalised {
    if (result.kind === 'refused' || !work.product) {
      const { reason, detail } = result.kind === 'refused' ? result : noProduct;
      return rejected(reason, detail);
    }
    if (result.warnings.length > 0) notes.push(...result.warnings);
    const event = work.raw.kind === 'event' ? work.raw.name : undefined;
    const message = { payload: work.raw.payload, receivedAt: work.raw.receivedAt, event };
    return normalise(result, message, work.product.model, this.engine.bounds, window, notes);
  }

  private message(
    work: Work,
    outcome: NormalisedMessage['outcome'],
    reason: string,
    decoder: string,
    reports: NormalisedMessage['reports'],
  ): NormalisedMessage {
    const { raw, messageId } = work;
    return {
      messageId,
      tenantKey: raw.tenantKey,
      deviceKey: raw.deviceKey,
      productKey: raw.productKey,
      productVersion: work.product?.version ?? 0,
      receivedAt: raw.receivedAt,
      outcome,
      reason,
      decoder,
      frame: raw.payload,
      reports,
    };
  }
}
