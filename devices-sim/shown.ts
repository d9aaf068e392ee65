import type { LatestReading } from './platform-api.js';

const pollMs = 200;
const longestWaitMs = 15_000;
const perCall = 200;

/** The latest readings of up to 200 devices, by device id. */
type AskLatest = (deviceIds: readonly string[]) => Promise<ReadonlyMap<string, readonly LatestReading[]>>;

/**
 * Waits until the platform shows what each device said last (epoch milliseconds, by device id): only then does a next
 * run go on from where this one ended, and no register runs backwards. Returns how many do not show after 15 s.
 */
export async function waitUntilShown(
  askLatest: AskLatest,
  lastWords: ReadonlyMap<string, number>,
  progress: (left: number) => void,
): Promise<number> {
  const deadline = performance.now() + longestWaitMs;
  for (let left = [...lastWords.keys()]; ; ) {
    // A platform that does not answer is asked again.
    left = await notShown(askLatest, left, lastWords).catch(() => left);
    if (left.length === 0 || performance.now() >= deadline) return left.length;
    progress(left.length);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function notShown(
  askLatest: AskLatest,
  deviceIds: readonly string[],
  lastWords: ReadonlyMap<string, number>,
): Promise<string[]> {
  const behind: string[] = [];
  for (let from = 0; from < deviceIds.length; from += perCall) {
    const asked = deviceIds.slice(from, from + perCall);
    const latest = await askLatest(asked);
    for (const id of asked) {
      const observed = (latest.get(id) ?? []).map(({ observedAt }) => Date.parse(observedAt));
      if (Math.max(0, ...observed) < (lastWords.get(id) ?? 0)) behind.push(id);
    }
  }
  return behind;
}
