import { invalid } from '#libs/runtime';

/** Where a picture or an event stands among the changes. */
export interface Revision {
  /** The process that counted: its numbers mean nothing to another, or after a restart. */
  boot: string;
  number: number;
}

/** `mb2x9k.1742` */
export function formatRevision({ boot, number }: Revision): string {
  return `${boot}.${number}`;
}

/** Undefined where the text is no revision. */
export function parseRevision(text: string): Revision | undefined {
  const match = /^([0-9a-z]{1,20})\.(\d{1,15})$/.exec(text);
  return match ? { boot: match[1] as string, number: Number(match[2]) } : undefined;
}

/** The revision of a `Last-Event-ID`. Throws 400 where it is none. */
export function lastEventRevision(lastEventId: string | undefined): Revision | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  const revision = parseRevision(lastEventId);
  if (revision) return revision;
  throw invalid('last_event_id_invalid', 'Last-Event-ID: not an id of this stream; leave it out to start from now.');
}

/** The revisions of an `If-None-Match`: of each entity tag that is one. */
export function matchedRevisions(ifNoneMatch: string | undefined): Revision[] {
  const tags = (ifNoneMatch ?? '').slice(0, 1_000).split(',');
  return tags.flatMap((tag) => parseRevision(tag.trim().replace(/^(?:W\/)?"(.*)"$/, '$1')) ?? []);
}
