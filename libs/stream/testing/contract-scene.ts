import { afterEach } from '@jest/globals';
import type { Lane } from '#libs/contracts';
import { ScriptedClock } from '#libs/runtime';
import type { Append, Entry, Place, Source, StreamLog } from '../stream.port.js';

/** A log under test, on an engine of its own. */
export interface LogUnderTest {
  log: StreamLog;
  /** Closes `log` and opens the same data again. */
  reopen(): Promise<StreamLog>;
  /** One more log on the same data, as another thread or process would have it; stopped by `stop`. */
  another(): Promise<StreamLog>;
  /** As `another`, and without room for intake as soon as it has looked; for stages there is room. */
  crowded(): Promise<StreamLog>;
  stop(): Promise<void>;
}

/** Opens a log of 4 partitions without any data. */
export type OpenLog = (clock: ScriptedClock) => Promise<LogUnderTest>;

/** When every scripted clock starts. */
export const startOfTime = 1_700_000_000_000;

/** What the contract's tests share: opening, stopping, and short words for entries. */
export function contractScene(open: OpenLog) {
  const opened: LogUnderTest[] = [];
  afterEach(async () => {
    for (const log of opened.splice(0)) await log.stop();
  });
  return {
    open: async (clock = new ScriptedClock(startOfTime)) => {
      const found = await open(clock);
      opened.push(found);
      return { ...found, clock };
    },
  };
}

/** An entry of text, in `raw` and the bulk lane unless said otherwise. */
export function entry(text: string, { stream = 'raw', lane = 'bulk' as Lane, partition = 0 } = {}): Append {
  return { stream, lane, partition, data: Buffer.from(text) };
}

/** The place and group that the tests read from unless said otherwise. */
export function sourceOf({ stream = 'raw', group = 'stage', lane = 'bulk' as Lane, partition = 0 } = {}): Source {
  return { stream, group, lane, partition };
}

/** Reads without a bound. */
export const everything = { maxEntries: 1_000_000, maxBytes: 1_000_000_000 };

/** What `source` is owed, as texts. */
export async function owed(log: StreamLog, source: Source): Promise<string[]> {
  return textsOf(await log.read(source, everything));
}

/** All that is kept of a place, as texts. */
export async function kept(log: StreamLog, place: Partial<Place> = {}): Promise<string[]> {
  return textsOf(await log.read(sourceOf({ ...place, group: 'nobody' }), { ...everything, after: 0 }));
}

/** Entries as texts. */
export function textsOf(entries: readonly Entry[]): string[] {
  return entries.map(({ data }) => Buffer.from(data).toString());
}

/** Waits for `condition`, at most 10 s unless said otherwise. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
