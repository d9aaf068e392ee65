import { ApiProblem, asProblem, problemOf } from './problem.js';

/** One event of a Server-Sent Events stream. */
export interface StreamEvent {
  /** What to resume after; empty where the stream cannot be resumed. */
  id: string;
  type: string;
  data: string;
}

/** No event is longer; a stream that sends more is broken. */
const maxEventCharacters = 1_000_000;

/** Reads `text/event-stream` as it comes in, in pieces of any size (WHATWG HTML, 9.2.6). */
export class EventStreamReader {
  private rest = '';
  private id = '';
  private type = '';
  private data: string[] = [];

  /** The events that the piece completes. */
  take(piece: string): StreamEvent[] {
    this.rest += piece;
    if (this.rest.length > maxEventCharacters) throw new ApiProblem(0, 'stream_broken', 'The live stream is broken.');
    const events: StreamEvent[] = [];
    for (;;) {
      // A lone CR at the end may be the first half of CRLF.
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!end) return events;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      const event = this.line(line);
      if (event) events.push(event);
    }
  }

  private line(line: string): StreamEvent | undefined {
    if (line === '') return this.finish();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.type = value;
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    return undefined;
  }

  private finish(): StreamEvent | undefined {
    const event = { id: this.id, type: this.type || 'message', data: this.data.join('\n') };
    const isEmpty = this.data.length === 0;
    this.type = '';
    this.data = [];
    return isEmpty ? undefined : event;
  }
}

/** How a live stream is doing, for people to see. */
export type StreamState = 'connecting' | 'open' | 'waiting' | 'ended';

export interface FollowOptions {
  url: string;
  /** Where to begin, as a `Last-Event-ID`; from now on where undefined. */
  after?: string | undefined;
  /** The session's token now; undefined ends the following. */
  token: () => string | undefined;
  onEvent: (event: StreamEvent) => void;
  onState?: (state: StreamState) => void;
  /** The stream refuses us for good: no session any more, or no right. */
  onEnd?: (problem: ApiProblem) => void;
  signal: AbortSignal;
  /** A connection that says nothing for so long, not even a heartbeat, is dead. */
  silenceMs?: number;
  /** The first pause before it connects again; it doubles up to 30 s. */
  pauseMs?: number;
}

const maxPauseMs = 30_000;

/**
 * Follows a live stream until the signal or a refusal ends it, connecting again where it was left. By `fetch`, since an
 * EventSource cannot send a token.
 */
export async function followStream(options: FollowOptions): Promise<void> {
  const { signal, pauseMs = 1_000, onState = () => {} } = options;
  let lastId = options.after ?? '';
  let pause = pauseMs;
  while (!signal.aborted) {
    onState('connecting');
    try {
      await readOnce(options, lastId, (event) => {
        if (event.id) lastId = event.id;
        pause = pauseMs;
        options.onEvent(event);
      });
    } catch (error) {
      if (signal.aborted) return;
      const problem = asProblem(error);
      if (!problem.retryable) {
        onState('ended');
        options.onEnd?.(problem);
        return;
      }
    }
    if (signal.aborted) return;
    onState('waiting');
    // Spread, so that a restart does not bring every page back in the same moment.
    await sleep(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, maxPauseMs);
  }
}

async function readOnce(
  { url, token, signal, silenceMs = 60_000, onState }: FollowOptions,
  lastId: string,
  onEvent: (event: StreamEvent) => void,
): Promise<void> {
  const bearer = token();
  if (bearer === undefined) throw new ApiProblem(401, 'unauthenticated', 'There is no session.');
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  signal.addEventListener('abort', stop);
  let watchdog = setTimeout(stop, silenceMs);
  try {
    const headers: Record<string, string> = { authorization: `Bearer ${bearer}`, accept: 'text/event-stream' };
    if (lastId) headers['last-event-id'] = lastId;
    const response = await fetch(url, { headers, signal: attempt.signal });
    if (!response.ok || !response.body) throw problemOf(response.status, await response.json().catch(() => undefined));
    onState?.('open');
    const reader = new EventStreamReader();
    const text = new TextDecoder();
    const pieces = response.body.getReader();
    for (;;) {
      const { done, value } = await pieces.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, silenceMs);
      for (const event of reader.take(text.decode(value, { stream: true }))) onEvent(event);
    }
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener('abort', stop);
    attempt.abort();
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
