import { api, ask, type Schemas } from '../../api/client.js';

type Alert = Schemas['AlertView'];
export const maxReason = 500;
export const maxComment = 2_000;

/** What can be done to an alert; each answers with the alert as it is then. */
export const alertActs = {
  acknowledge: (id: string) => ask(api.POST('/api/v1/alerts/{id}/acknowledge', { params: { path: { id } } })),
  clear: (id: string, reason: string) =>
    ask(api.POST('/api/v1/alerts/{id}/clear', { params: { path: { id } }, body: { reason } })),
  comment: (id: string, text: string) =>
    ask(api.POST('/api/v1/alerts/{id}/comments', { params: { path: { id } }, body: { text } })),
  assign: (id: string, user: string | null) =>
    ask(api.POST('/api/v1/alerts/{id}/assign', { params: { path: { id } }, body: { user } })),
};

/** Whether the act changes anything for such an alert. */
export const canAcknowledge = (alert: Alert): boolean => alert.status === 'open';
export const canClear = (alert: Alert): boolean => alert.status !== 'cleared';

/** A value that convinced a rule, in one line. */
export function evidenceText(value: unknown): string {
  if (value === null || value === undefined) return '—';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
