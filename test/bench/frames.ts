import type { Page } from 'playwright-core';

/** Keeps how long each frame of a page took from now on, in buckets of a millisecond: the watching itself must not grow. */
export async function watchFrames(page: Page): Promise<void> {
  await page.evaluate(`(() => {
    const buckets = new Uint32Array(1001);
    const isFirst = globalThis.frameBuckets === undefined;
    globalThis.frameBuckets = buckets;
    if (!isFirst) return;
    let last = performance.now();
    const next = (now) => {
      globalThis.frameBuckets[Math.min(1000, Math.round(now - last))] += 1;
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  })()`);
}

/** The frames since they have been watched. */
export async function framesOf(page: Page): Promise<Record<string, number>> {
  const buckets = await page.evaluate<number[]>('[...globalThis.frameBuckets]');
  const frames = buckets.reduce((sum, count) => sum + count, 0);
  const at = (share: number) => {
    let seen = 0;
    return buckets.findIndex((count) => {
      seen += count;
      return seen >= frames * share;
    });
  };
  return { frames, frameMsP50: at(0.5), frameMsP99: at(0.99), frameMsMax: buckets.findLastIndex((count) => count > 0) };
}
