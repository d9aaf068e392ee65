import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadDevice, LoadResult } from '../../devices-sim/load/mqtt-load.js';

/** What one load generator process is to do. */
export interface LoadJob {
  port: number;
  devices: LoadDevice[];
  /** Unacknowledged publishes per connection. */
  window: number;
  durationMs: number;
  ratePerSecond?: number;
  /** Sequence numbers of this job start above it, so that no two jobs share one. */
  sequenceBase: number;
}

/** The outcome as it crosses the process boundary. */
export type LoadOutcome = Omit<LoadResult, 'acknowledgedUpTo'> & { acknowledgedUpTo: Record<string, number> };

/** Runs a load generator in a process of its own. */
export async function runLoad(job: LoadJob): Promise<LoadOutcome> {
  const child = spawn(process.execPath, [join('dist', 'test', 'bench', 'load.child.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin.end(JSON.stringify(job));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(Buffer.concat(chunks).toString()) as LoadOutcome;
}
