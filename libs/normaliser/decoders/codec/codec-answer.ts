import type { ScriptPosition } from '../decoder.js';

/** One frame as the sandbox hands it to a codec. */
export interface CodecFrame {
  bytes: readonly number[];
  fPort: number | undefined;
  /** Epoch milliseconds. */
  recvTime: number;
  variables: Readonly<Record<string, unknown>>;
}

/** What a codec made of one frame. Everything in it is the vendor's word: check before use. */
export type CodecAnswer =
  | {
      kind: 'answered';
      data: unknown;
      warnings: readonly string[];
      errors: readonly string[];
      /** What `normalizeUplink` returned, where the codec has one. */
      normalized: unknown;
      logs: readonly string[];
    }
  | { kind: 'failed'; reason: CodecFailure; detail: string; position?: ScriptPosition; logs: readonly string[] };

/** Why a codec gave no answer for a frame. */
export type CodecFailure =
  | 'codec_exception'
  | 'codec_result_invalid'
  | 'codec_script_invalid'
  | 'codec_timeout'
  | 'codec_out_of_memory'
  | 'codec_crashed'
  | 'codec_suspended';

/** Failures that cost the platform something: enough of them suspend the codec. */
export function isCostly(answer: CodecAnswer): boolean {
  return (
    answer.kind === 'failed' &&
    (answer.reason === 'codec_timeout' || answer.reason === 'codec_out_of_memory' || answer.reason === 'codec_crashed')
  );
}

/** A failure. */
export function failed(reason: CodecFailure, detail: string, position?: ScriptPosition): CodecAnswer {
  return { kind: 'failed', reason, detail, logs: [], ...(position && { position }) };
}

const maxMessages = 20;
const maxMessageLength = 500;

/** Reads one frame's result as the guest wrote it. */
export function readAnswer(result: unknown): CodecAnswer {
  if (typeof result !== 'object' || result === null)
    return failed('codec_result_invalid', 'The codec gave no readable answer.');
  const answer = result as Record<string, unknown>;
  const logs = messages(answer.logs);
  if (typeof answer.invalid === 'string') {
    return {
      kind: 'failed',
      reason: 'codec_result_invalid',
      detail: `The codec's answer cannot be used: ${answer.invalid}.`,
      logs,
    };
  }
  if (typeof answer.thrown === 'object' && answer.thrown !== null) {
    const { name, message, stack } = answer.thrown as Record<string, unknown>;
    const position = positionIn(String(stack));
    const where = position ? ` (line ${position.line}${position.column ? `, column ${position.column}` : ''})` : '';
    const what = `${String(name) ? `${String(name)}: ` : ''}${String(message)}`.slice(0, maxMessageLength);
    return {
      kind: 'failed',
      reason: 'codec_exception',
      detail: `The codec threw ${what}${where}.`,
      logs,
      ...(position && { position }),
    };
  }
  return {
    kind: 'answered',
    data: answer.data,
    warnings: messages(answer.warnings),
    errors: messages(answer.errors),
    normalized: answer.normalized,
    logs,
  };
}

/** The first place of the vendor's script in a QuickJS stack: `at decodeUplink (codec.js:3:7)`. */
export function positionIn(stack: string): ScriptPosition | undefined {
  const match = /codec\.js:(\d+)(?::(\d+))?/.exec(stack.slice(0, 20_000));
  if (!match) return undefined;
  return { line: Number(match[1]), column: match[2] === undefined ? undefined : Number(match[2]) };
}

function messages(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, maxMessages)
    .map((one) => (typeof one === 'string' ? one : (JSON.stringify(one) ?? '')).slice(0, maxMessageLength));
}
