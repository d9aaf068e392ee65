import type { SpanReference } from './span-reference.js';

/** What a span says of what it stands for. */
export type SpanAttributes = Record<string, string | number | boolean>;

/** What a span begins with. */
export interface SpanFacts {
  /** server: asked by somebody. client: asks somebody. consumer: works on what came by a stream. Default: internal. */
  kind?: 'internal' | 'server' | 'client' | 'consumer';
  /** Undefined begins a trace. */
  parent?: SpanReference;
  links?: readonly SpanReference[];
  attributes?: SpanAttributes;
  /** Epoch milliseconds; default now. */
  startedAt?: number;
  /** Ids to have instead of random ones; of a trace that begins here. */
  identity?: { traceId: string; spanId?: string };
}

/** A span under way. End it. */
export interface RunningSpan {
  readonly reference: SpanReference;
  set(attributes: SpanAttributes): void;
  fail(message: string): void;
  end(): void;
}
