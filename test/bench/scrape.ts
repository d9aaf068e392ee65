import type { PlatformProcess } from '../platform/platform-process.js';

/** The platform's metrics as it serves them. */
async function scrape(platform: PlatformProcess): Promise<string> {
  const response = await fetch(`${platform.url}/metrics`, { signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  return response.text();
}

/** The sum of a metric over its labels; 0 where it has none yet. */
export async function metricOf(platform: PlatformProcess, name: string): Promise<number> {
  return sumOf(await scrape(platform), name);
}

/** How many entries all stages together still owe. */
export async function lagEntries(platform: PlatformProcess): Promise<number> {
  return sumOf(await scrape(platform), 'stream_lag_entries');
}

function sumOf(text: string, name: string): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name) || !/[ {]/.test(line[name.length] ?? '')) continue;
    sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}
