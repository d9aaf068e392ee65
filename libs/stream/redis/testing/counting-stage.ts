import type { Append, Source, StreamLog } from '../../stream.port.js';
import { type RunningStage, runStage } from '../../testing/run-stage.js';

/**
 * A stage that a wrong owner cannot get past: it numbers the entries of each partition from memory, saves the number, and
 * puts each entry with its number out to `readings` of its partition and to `group-readings` of the next.
 */
export async function runCountingStage(
  log: StreamLog,
  told: { batch?: (source: Source) => void; reset?: (source: Source) => void } = {},
): Promise<RunningStage> {
  const counts = new Map<number, number>();
  return runStage(log, {
    pattern: 'raw/stage',
    settings: { STREAM_BATCH_ENTRIES: '7', STREAM_BULK_PACE_MS: '0' },
    handle: async ({ source, entries }) => {
      const { partition } = source;
      let count = counts.get(partition);
      if (count === undefined) {
        const [saved] = await log.readState('stage', partition, ['count']);
        count = saved ? Number(Buffer.from(saved).toString()) : 0;
      }
      const texts = entries.map(({ data }) => `${++(count as number)} ${Buffer.from(data).toString()}`);
      counts.set(partition, count);
      told.batch?.(source);
      const next = (partition + 1) % log.partitions;
      return {
        append: [
          ...texts.map((text) => output(text, 'readings', partition)),
          ...texts.map((text) => output(text, 'group-readings', next)),
        ],
        state: [{ key: 'count', value: Buffer.from(String(count)) }],
      };
    },
    reset: (source) => {
      counts.delete(source.partition);
      told.reset?.(source);
    },
  });
}

function output(text: string, stream: string, partition: number): Append {
  return { stream, lane: 'bulk', partition, data: Buffer.from(text) };
}
