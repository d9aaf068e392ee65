/** A migration that this version brings, or that a registry has run: `at` is when it was generated, epoch milliseconds. */
export interface MigrationMark {
  hash: string;
  at: number;
}

/** What a registry is to this version. */
export type SchemaState =
  /** It has run the first `applied` of this version's migrations, perhaps none. */
  | { kind: 'behind'; applied: number }
  | { kind: 'current' }
  /** It has run all of this version's migrations, and `unknown` more: a newer version's. */
  | { kind: 'ahead'; unknown: number }
  /** Its migration number `index` is not this version's: no version that was released made it. */
  | { kind: 'foreign'; index: number };

/** Compares what a registry has run with what this version brings. Both are lists that only grow at the end. */
export function schemaState(applied: readonly MigrationMark[], known: readonly MigrationMark[]): SchemaState {
  const ran = applied.toSorted((a, b) => a.at - b.at);
  const index = ran.findIndex(({ hash }, number) => number < known.length && hash !== known[number]?.hash);
  if (index >= 0) return { kind: 'foreign', index };
  if (ran.length < known.length) return { kind: 'behind', applied: ran.length };
  return ran.length === known.length ? { kind: 'current' } : { kind: 'ahead', unknown: ran.length - known.length };
}
