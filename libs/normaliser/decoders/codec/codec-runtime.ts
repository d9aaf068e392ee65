import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  RELEASE_SYNC,
} from 'quickjs-emscripten';
import type { ScriptPosition } from '../decoder.js';
import { positionIn } from './codec-answer.js';
import { guestBinding, guestPrelude } from './guest-prelude.js';

/** Bounds of one codec. */
export interface RuntimeLimits {
  memoryBytes: number;
  frameTicks: number;
  /** Longest answer for one frame, in characters of JSON. */
  maxAnswerLength: number;
}

/** How far a run came. */
export interface Run {
  /** One result per finished frame, still unchecked. */
  results: unknown[];
  /** What stopped it at the frame after those; undefined where it finished or was asked to stop. */
  stoppedBy: 'timeout' | 'memory' | 'crash' | undefined;
}

/** A script that cannot be loaded: a syntax error, a throw at its top level, or no function of ours in it. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';

  constructor(
    readonly reason: 'codec_script_invalid' | 'codec_timeout' | 'codec_out_of_memory',
    message: string,
    readonly position: ScriptPosition | undefined,
  ) {
    super(message);
  }
}

/** Of every JavaScript runtime, but not of the ECMAScript library that this tree is compiled with. */
declare const WebAssembly: { Memory: new (pages: { initial: number; maximum: number }) => never };

/** 16 MB to begin with, which the compiled QuickJS demands; 32 MB at most, whatever a script does. */
const memoryPages = { initial: 256, maximum: 512 };
const stackBytes = 256 * 1024;
/** A script may work longer while it loads than on one frame. */
const loadingFactor = 10;

/**
 * One vendor's script, loaded in a QuickJS of its own inside a WebAssembly memory of its own: `setMemoryLimit` alone does
 * not bound what strings take. Ticks of the interpreter bound its time, because a wall clock misfires on a busy machine;
 * native calls in a loop escape them, so the thread is watched from outside as well.
 */
export class CodecRuntime {
  private ticks = 0;
  private maxTicks = 0;

  private constructor(
    runtime: QuickJSRuntime,
    private readonly context: QuickJSContext,
    private readonly limits: RuntimeLimits,
  ) {
    runtime.setMemoryLimit(limits.memoryBytes);
    runtime.setMaxStackSize(stackBytes);
    runtime.setInterruptHandler(() => {
      this.ticks += 1;
      return this.ticks > this.maxTicks;
    });
  }

  /** Loads a script. Throws `ScriptError`. */
  static async load(script: string, limits: RuntimeLimits): Promise<CodecRuntime> {
    const wasmMemory = new WebAssembly.Memory(memoryPages);
    const quickjs = await newQuickJSWASMModuleFromVariant(newVariant(RELEASE_SYNC, { wasmMemory }));
    const runtime = quickjs.newRuntime();
    const loaded = new CodecRuntime(runtime, runtime.newContext(), limits);
    loaded.open(script);
    return loaded;
  }

  private guest: { run: QuickJSHandle; take: QuickJSHandle };
  private begin: QuickJSHandle;
  private onBegin: (index: number) => boolean = () => true;

  private open(script: string): void {
    const { context } = this;
    this.allow(loadingFactor);
    const prelude = context.unwrapResult(context.evalCode(guestPrelude, 'prelude.js'));
    this.guest = { run: context.getProp(prelude, 'run'), take: context.getProp(prelude, 'take') };
    this.begin = context.newFunction('begin', (index) => {
      this.allow(1);
      return this.onBegin(context.getNumber(index)) ? context.true : context.false;
    });
    this.evaluate(script).dispose();
    const found = this.evaluate(guestBinding);
    const usable = ['decodeUplink', 'Decoder', 'Decode'].some(
      (name) => context.typeof(context.getProp(found, name)) === 'function',
    );
    if (!usable) {
      throw new ScriptError(
        'codec_script_invalid',
        'The script has no function decodeUplink(input), nor the older Decoder(bytes, port) or Decode(fPort, bytes, variables).',
        undefined,
      );
    }
    context.unwrapResult(context.callFunction(context.getProp(prelude, 'bind'), context.undefined, found)).dispose();
  }

  /**
   * Runs frames (JSON text of an array of `CodecFrame`) from `start` on. `begin` hears of each frame before it is worked
   * on, and ends the run with false. After a run that was stopped by something the runtime must not be used again.
   */
  run(framesText: string, start: number, begin: (index: number) => boolean): Run {
    const { context } = this;
    this.onBegin = begin;
    this.allow(1);
    const text = context.newString(framesText);
    const first = context.newNumber(start);
    const maxLength = context.newNumber(this.limits.maxAnswerLength);
    try {
      const result = context.callFunction(this.guest.run, context.undefined, text, first, this.begin, maxLength);
      const stoppedBy = result.error ? this.cause(result.error) : undefined;
      result.dispose();
      return this.take(stoppedBy);
    } finally {
      text.dispose();
      first.dispose();
      maxLength.dispose();
    }
  }

  private take(stoppedBy: Run['stoppedBy']): Run {
    this.allow(loadingFactor);
    const taken = this.context.callFunction(this.guest.take, this.context.undefined);
    if (taken.error) {
      taken.dispose();
      return { results: [], stoppedBy: stoppedBy ?? 'memory' };
    }
    const text = this.context.getString(taken.value);
    taken.dispose();
    return { results: JSON.parse(text.slice(1)) as unknown[], stoppedBy: text.startsWith('!') ? 'memory' : stoppedBy };
  }

  private cause(error: QuickJSHandle): 'timeout' | 'memory' | 'crash' {
    const message = String((this.context.dump(error) as { message?: unknown } | undefined)?.message);
    if (message === 'interrupted') return 'timeout';
    return message === 'out of memory' ? 'memory' : 'crash';
  }

  private evaluate(code: string): QuickJSHandle {
    this.allow(loadingFactor);
    const result = this.context.evalCode(code, 'codec.js');
    if (!result.error) return result.value;
    const error = this.context.dump(result.error) as { name?: string; message?: string; stack?: string } | undefined;
    result.dispose();
    if (error?.message === 'interrupted') {
      throw new ScriptError(
        'codec_timeout',
        'The script works too long while it loads; only define functions there.',
        undefined,
      );
    }
    if (error?.message === 'out of memory') {
      throw new ScriptError('codec_out_of_memory', 'The script takes too much memory while it loads.', undefined);
    }
    const position = positionIn(String(error?.stack));
    const where = position ? ` (line ${position.line}${position.column ? `, column ${position.column}` : ''})` : '';
    const what = typeof error === 'object' ? `${error.name}: ${error.message}` : String(error);
    throw new ScriptError(
      'codec_script_invalid',
      `The script cannot be loaded: ${what.slice(0, 500)}${where}.`,
      position,
    );
  }

  private allow(factor: number): void {
    this.ticks = 0;
    this.maxTicks = this.limits.frameTicks * factor;
  }
}
