import { parseMessageId } from '#libs/contracts';
import type { ApiClient } from './api-client.js';

/** What the REST API shows of what devices were promised. */
export interface ShownCount {
  acknowledged: number;
  /** Acknowledged messages of which a reading is missing. */
  lost: number;
  /** Messages of which a reading is there more than once. */
  duplicated: number;
}

interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** Readings in every message that is counted. */
const metricsPerMessage = 3;

/**
 * Asks for every reading of every device over REST, whatever the engine. `promised` is the sequence numbers
 * acknowledged to each device id, which are the order they were sent in.
 */
export async function countShown(
  api: ApiClient,
  promised: ReadonlyMap<string, readonly number[]>,
  since: number,
): Promise<ShownCount> {
  const count: ShownCount = { acknowledged: 0, lost: 0, duplicated: 0 };
  for (const [id, sequences] of promised) {
    const found = new Map<number, Map<string, number>>();
    for (const { seq, metric } of await all<{ seq: number | null; metric: string }>(
      api,
      id,
      'readings',
      5_000,
      since,
    )) {
      const metrics = found.get(seq ?? 0) ?? new Map<string, number>();
      metrics.set(metric, (metrics.get(metric) ?? 0) + 1);
      found.set(seq ?? 0, metrics);
    }
    count.acknowledged += sequences.length;
    count.lost += sequences.filter((seq) => (found.get(seq)?.size ?? 0) < metricsPerMessage).length;
    count.duplicated += [...found.values()].filter((metrics) =>
      [...metrics.values()].some((times) => times > 1),
    ).length;
  }
  return count;
}

/** How many messages the stream holds after a later one of their device. */
export async function countOutOfOrder(api: ApiClient, ids: Iterable<string>, since: number): Promise<number> {
  let wrong = 0;
  for (const id of ids) wrong += await misplaced(api, id, since);
  return wrong;
}

/** Of one device; what was sent again counts where it stands first. */
async function misplaced(api: ApiClient, id: string, since: number): Promise<number> {
  const frames = await all<{ messageId: string; text: string | null }>(api, id, 'frames', 500, since);
  const placed = frames
    .map(({ messageId, text }) => ({ place: parseMessageId(messageId), seq: Number(JSON.parse(text || '{}').seq) }))
    .filter(({ seq }) => Number.isFinite(seq))
    .sort(
      (a, b) => (a.place?.position ?? 0) - (b.place?.position ?? 0) || (a.place?.index ?? 0) - (b.place?.index ?? 0),
    );
  const seen = new Set<number>();
  let highest = 0;
  let wrong = 0;
  for (const { seq } of placed) {
    if (seen.has(seq)) continue;
    seen.add(seq);
    if (seq < highest) wrong += 1;
    highest = Math.max(highest, seq);
  }
  return wrong;
}

async function all<T>(api: ApiClient, id: string, what: string, limit: number, since: number): Promise<T[]> {
  const range = `from=${new Date(since).toISOString()}&to=${new Date(Date.now() + 60_000).toISOString()}`;
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page<T> = await api.call('GET', `/api/v1/devices/${id}/${what}?${range}&limit=${limit}${after}`);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return items;
}
