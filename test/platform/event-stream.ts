import { eventually } from './eventually.js';

/** A Server-Sent Event as it came. */
export interface LiveEvent<T> {
  id: string | undefined;
  event: string | undefined;
  data: T;
}

/** A reader of a `text/event-stream` that keeps what it read. */
export class EventStream<T = Record<string, unknown>> {
  readonly events: LiveEvent<T>[] = [];
  /** Resolves when the other side has ended it. */
  readonly ended: Promise<void>;
  private constructor(
    response: Response,
    private readonly abort: AbortController,
  ) {
    this.ended = this.read(response).catch(() => {});
  }

  static async open<T>(url: string, token: string, headers: Record<string, string> = {}): Promise<EventStream<T>> {
    const abort = new AbortController();
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...headers },
      signal: abort.signal,
    });
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
    return new EventStream<T>(response, abort);
  }

  /** The first event that fits, once it is there. */
  find(fits: (event: LiveEvent<T>) => boolean, what: string): Promise<LiveEvent<T>> {
    return eventually(async () => this.events.find(fits), what);
  }

  close(): void {
    this.abort.abort();
  }

  private async read(response: Response): Promise<void> {
    let waiting = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (waiting + chunk).split('\n\n');
      waiting = blocks.pop() ?? '';
      for (const block of blocks) this.take(block);
    }
  }

  private take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => {
        const at = line.indexOf(': ');
        return [line.slice(0, at), line.slice(at + 2)];
      }),
    );
    const data = fields.get('data');
    if (data !== undefined) {
      this.events.push({ id: fields.get('id'), event: fields.get('event'), data: JSON.parse(data) as T });
    }
  }
}
