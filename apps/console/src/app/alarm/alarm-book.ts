import type { LocalName } from '../../api/names.js';

/** A fire alarm that nobody has taken yet. */
export interface Alarm {
  alertId: string;
  title: LocalName;
  /** The device's name, else its id. */
  device: string;
  /** RFC 3339. */
  openedAt: string;
}

/** The alarms that are open, and which of them somebody has heard here. */
export interface AlarmBook {
  alarms: readonly Alarm[];
  silenced: ReadonlySet<string>;
}

export const emptyBook: AlarmBook = { alarms: [], silenced: new Set() };
/** More are not held: whoever has so many goes to the list. The count tells that there are more. */
const maxAlarms = 200;

/**
 * Whether an alert must not be overlooked: a critical one of fire. Where the domain is not known (who may not read
 * products), every critical one is taken for it.
 */
export function isAlarm(alert: { severity: string; status: string; domain: string | null | undefined }): boolean {
  return alert.severity === 'critical' && alert.status === 'open' && (alert.domain ?? 'fire') === 'fire';
}

/** The newest first. One that is there already stays as it is, silence and all. */
export function raise(book: AlarmBook, alarm: Alarm): AlarmBook {
  if (book.alarms.some(({ alertId }) => alertId === alarm.alertId)) return book;
  const alarms = [alarm, ...book.alarms].sort((a, b) => b.openedAt.localeCompare(a.openedAt)).slice(0, maxAlarms);
  return { ...book, alarms };
}

/** Somebody has taken it, or it is over. */
export function settle(book: AlarmBook, alertId: string): AlarmBook {
  if (!book.alarms.some((alarm) => alarm.alertId === alertId)) return book;
  const silenced = new Set(book.silenced);
  silenced.delete(alertId);
  return { alarms: book.alarms.filter((alarm) => alarm.alertId !== alertId), silenced };
}

/** Whoever is here has heard all there are; the next one rings again. */
export function silence(book: AlarmBook): AlarmBook {
  return { ...book, silenced: new Set(book.alarms.map(({ alertId }) => alertId)) };
}

/** Escalation of something taken before is news to everybody. */
export function ringAgain(book: AlarmBook, alertId: string): AlarmBook {
  const silenced = new Set(book.silenced);
  silenced.delete(alertId);
  return { ...book, silenced };
}

/** The alarms that nobody here has silenced. */
export function ringing(book: AlarmBook): readonly Alarm[] {
  return book.alarms.filter(({ alertId }) => !book.silenced.has(alertId));
}
