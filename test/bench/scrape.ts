import type { BenchedPlatform } from './benched-platform.js';

/** The sum of a metric over its labels; 0 where it has none yet. */
export async function metricOf(platform: BenchedPlatform, name: string): Promise<number> {
  return sumOf(await platform.metrics(), name);
}

/** How many entries all stages together still owe. */
export async function lagEntries(platform: BenchedPlatform): Promise<number> {
  return sumOf(await platform.metrics(), 'stage_lag_entries');
}

function sumOf(text: string, name: string): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name) || !/[ {]/.test(line[name.length] ?? '')) continue;
    sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

/** Not so often that the question becomes a part of the load. */
const lookEveryMs = 100;

/** Waits until no stage owes an entry; returns how long that took in milliseconds. */
export async function untilDrained(platform: BenchedPlatform): Promise<number> {
  const started = performance.now();
  while ((await lagEntries(platform)) > 0) {
    if (performance.now() - started > 300_000) throw new Error('the stages did not catch up within 300 s');
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  return performance.now() - started;
}
