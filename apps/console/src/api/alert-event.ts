import type { StreamEvent } from './event-stream.js';
import type { LocalName } from './names.js';

/** What the live stream of alerts says: what happened to which alert. */
export interface AlertEvent {
  /** `raised`, `escalated`, `acknowledged`, `assigned`, `commented`, `cleared` */
  kind: string;
  alert: {
    id: string;
    status: string;
    severity: 'critical' | 'major' | 'minor' | 'warning' | 'info';
    openedAt: string;
    lastAt: string;
  };
  device: { id: string; name: string | null };
  domain: string | null;
  titles: LocalName;
}

/** Reads an event of `/api/v1/alerts/stream` (a CloudEvents notification); undefined for one that is not understood. */
export function alertEventOf({ type, data }: StreamEvent): AlertEvent | undefined {
  if (!type.startsWith('alert.')) return undefined;
  try {
    const { data: told } = JSON.parse(data) as { data?: Partial<AlertEvent> };
    if (!told?.alert?.id || !told.titles || !told.device) return undefined;
    const { alert, device, titles, domain = null } = told as AlertEvent;
    return { kind: type.slice('alert.'.length), alert, device, titles, domain };
  } catch {
    return undefined;
  }
}
