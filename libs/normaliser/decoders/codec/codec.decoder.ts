import { createHash } from 'node:crypto';
import type { FieldMapping } from '#libs/devices';
import type { CompiledModel } from '../../model/compiled-model.js';
import type { Zone } from '../../time/zone.js';
import type { DecodeResult, Decoder, Frame } from '../decoder.js';
import { type CodecAnswer, failed } from './codec-answer.js';
import type { CodecPool } from './codec-pool.js';
import { type AnswerReading, readReports } from './codec-reports.js';
import { compileMapping } from './field-mapping.js';

/** A vendor's codec with what makes metrics of its fields. */
export interface CodecSpec {
  name: string;
  script: string;
  mapping: readonly FieldMapping[];
  urgent: boolean;
}

/** Runs a vendor's JavaScript codec, unmodified, in the sandbox (LoRa Alliance TS013-1.0.0 payload codec API). */
export class CodecDecoder implements Decoder {
  readonly name: string;
  private readonly codec: string;
  private readonly reading: AnswerReading;
  private readonly oversized: CodecAnswer | undefined;

  constructor(
    private readonly spec: CodecSpec,
    private readonly pool: CodecPool,
    model: CompiledModel,
    zone: Zone,
    maxScriptBytes: number,
  ) {
    this.name = spec.name;
    this.codec = createHash('sha256').update(spec.script).digest('base64url');
    this.reading = {
      mapping: compileMapping(spec.mapping),
      zone,
      isObject: (metric) => model.property(metric)?.type === 'object',
    };
    const bytes = Buffer.byteLength(spec.script);
    if (bytes > maxScriptBytes) {
      this.oversized = failed(
        'codec_script_invalid',
        `The script has ${bytes} bytes; at most ${maxScriptBytes} are run.`,
      );
    }
  }

  async decode(frames: readonly Frame[]): Promise<DecodeResult[]> {
    const results: DecodeResult[] = [];
    await Promise.all(
      [...byTenant(frames)].map(async ([tenantKey, indexes]) => {
        const answers = await this.answers(
          tenantKey,
          indexes.map((index) => frames[index] as Frame),
        );
        indexes.forEach((index, position) => {
          results[index] = readReports(answers[position] as CodecAnswer, this.reading);
        });
      }),
    );
    return results;
  }

  private async answers(tenantKey: string, frames: readonly Frame[]): Promise<CodecAnswer[]> {
    if (this.oversized) return frames.map(() => this.oversized as CodecAnswer);
    return this.pool.run({
      codec: this.codec,
      tenantKey,
      script: this.spec.script,
      urgent: this.spec.urgent,
      frames: frames.map((frame) => ({
        bytes: Array.from(frame.payload),
        fPort: frame.port,
        recvTime: frame.receivedAt,
        variables: frame.settings,
      })),
    });
  }
}

function byTenant(frames: readonly Frame[]): Map<string, number[]> {
  const indexes = new Map<string, number[]>();
  frames.forEach((frame, index) => {
    const known = indexes.get(frame.tenantKey);
    if (known) known.push(index);
    else indexes.set(frame.tenantKey, [index]);
  });
  return indexes;
}
