import type { Lane } from '#libs/contracts';
import type { DecoderSpec, ThingModel } from '#libs/devices';
import { Cjt188Decoder } from './decoders/cjt188/cjt188.decoder.js';
import { CodecDecoder } from './decoders/codec/codec.decoder.js';
import type { CodecPool } from './decoders/codec/codec-pool.js';
import { type DecodeResult, type Decoder, type Frame, refused } from './decoders/decoder.js';
import { CanonicalJsonDecoder } from './decoders/json/canonical-json.js';
import { CompiledModel } from './model/compiled-model.js';
import type { CodecConfig, NormaliserConfig } from './normaliser.config.js';
import { Zone } from './time/zone.js';

/** What of a product version the normaliser works with; a draft has it too. */
export interface ProductDefinition {
  version: number;
  thingModel: ThingModel;
  decoder: DecoderSpec;
  lane: Lane;
}

/** A product version, ready to judge frames. */
export interface CompiledProduct {
  version: number;
  model: CompiledModel;
  /** For `up` frames. */
  decoder: Decoder;
}

/** The decoders that come with the platform, by the name a product states. */
export const builtinDecoders = ['cjt188'] as const;

/** Makes decoders and validators out of product versions. */
export class ProductCompiler {
  /** For `telemetry` and events of every product. */
  readonly json: CanonicalJsonDecoder;
  private readonly zone: Zone;
  private readonly builtin: ReadonlyMap<string, Decoder>;

  constructor(
    private readonly config: NormaliserConfig,
    private readonly codecConfig: CodecConfig,
    timeZone: string,
    private readonly pool: CodecPool,
  ) {
    this.zone = new Zone(timeZone);
    this.json = new CanonicalJsonDecoder(this.zone, config);
    this.builtin = new Map<string, Decoder>([['cjt188', new Cjt188Decoder(this.zone)]]);
  }

  /** Compiles a version; what is wrong with its decoder shows with every frame that it refuses. */
  compile(product: ProductDefinition): CompiledProduct {
    const model = new CompiledModel(product.thingModel, this.config);
    return { version: product.version, model, decoder: this.decoderOf(product, model) };
  }

  private decoderOf(product: ProductDefinition, model: CompiledModel): Decoder {
    const { decoder } = product;
    switch (decoder.kind) {
      case 'json':
        return this.json;
      case 'builtin':
        return this.builtin.get(decoder.name) ?? new UnknownDecoder(decoder.name);
      case 'codec': {
        const name = `codec@${product.version}`;
        const spec = { name, script: decoder.script, mapping: decoder.mapping, urgent: product.lane === 'urgent' };
        return new CodecDecoder(spec, this.pool, model, this.zone, this.codecConfig.maxScriptBytes);
      }
    }
  }
}

/** Stands for a built-in decoder that this release does not have. */
class UnknownDecoder implements Decoder {
  readonly name: string;

  constructor(private readonly wanted: string) {
    this.name = `${wanted}@?`;
  }

  decode(frames: readonly Frame[]): DecodeResult[] {
    const detail = `The product names the built-in decoder "${this.wanted}"; there are: ${builtinDecoders.join(', ')}.`;
    return frames.map(() => refused('decoder_unknown', detail));
  }
}
