import type { ApiClient } from './api-client.js';
import { eventually } from './eventually.js';

/** What `GET /api/v1/reconciliation` answers. */
export interface Reconciliation {
  acknowledged: number;
  stored: number;
  deadLettered: number;
  inFlight: number;
  difference: number;
  deadLetteredBy: { rejected: number; unstorable: number; givenUp: number };
  summary: { zh: string; en: string };
  places: { lane: string; partition: number; difference: number; missingFrom: { raw: number } }[];
}

const patienceMs = 60_000;

/** The reconciliation once nothing is in flight any more. */
export function settledReconciliation(api: ApiClient): Promise<Reconciliation> {
  return eventually(
    async () => {
      const now = await api.call<Reconciliation>('GET', '/api/v1/reconciliation');
      return now.inFlight === 0 ? now : undefined;
    },
    'the end of what is in flight',
    patienceMs,
  );
}
