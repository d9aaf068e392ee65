import type { PGlite } from '@electric-sql/pglite';

/** What pglite-socket uses of a PGlite. */
export type SocketBackend = Pick<
  PGlite,
  'waitReady' | 'isInTransaction' | 'runExclusive' | 'execProtocolRawStream' | 'exec'
>;

const syncMessage = Uint8Array.of(0x53, 0, 0, 0, 4);
/** Parse, Bind, Close, Describe, Execute, Flush: messages of an extended query, which ends with Sync. */
const extendedMessages = new Set([...'PBCDEH'].map((letter) => letter.charCodeAt(0)));
const sync = 'S'.charCodeAt(0);
const terminate = 'X'.charCodeAt(0);

/**
 * Lets several connections share PGlite's one session. pglite-socket keeps to one connection only while a transaction
 * is open, so that the Parse, Bind and Execute of two connections could mix (its issue 1046); here a query that has
 * begun counts as a transaction until its Sync. A backend that throws is beyond repair: `onFatal` must end the process.
 */
export function sharedSession(pglite: PGlite, onFatal: (error: unknown) => void): SocketBackend {
  let inQuery = false;
  return {
    waitReady: pglite.waitReady,
    isInTransaction: () => inQuery || pglite.isInTransaction(),
    runExclusive: (task) => pglite.runExclusive(task),
    async execProtocolRawStream(message, options) {
      const kind = message[0] ?? 0;
      // One connection's goodbye must not end the session of all.
      if (kind === terminate) return;
      if (extendedMessages.has(kind)) inQuery = true;
      try {
        await pglite.execProtocolRawStream(message, options);
      } catch (error) {
        onFatal(error);
      }
      if (kind === sync) inQuery = false;
    },
    /** Called with ROLLBACK when a connection is lost half-way. */
    async exec(query, options) {
      if (inQuery) {
        await pglite.execProtocolRawStream(syncMessage, { onRawData: () => undefined });
        inQuery = false;
      }
      return pglite.exec(query, options);
    },
  };
}
