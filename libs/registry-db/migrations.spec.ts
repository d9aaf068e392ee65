import { describe, expect, it } from '@jest/globals';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { migrationsFolder } from './migrate.js';

/** The migrations that users' registries have run. A release adds what it brings; what stands here is never changed. */
const released = ['0e6d63456edf97be9afbc08b35fb3ecd6ae2cd393ea8ab3b8512e5af12bf38bc'];

/**
 * What is wrong with a migration for processes of the version before, which go on reading and writing while it is applied
 * and after it. A list of what is allowed: what nobody thought of is refused.
 */
function notAdditive(statements: readonly string[]): string[] {
  const made = new Set<string>();
  return statements.filter((written) => {
    const statement = written.trim().replace(/\s+/g, ' ');
    const table = /^create table "([^"]+)"/i.exec(statement)?.[1];
    if (table) {
      made.add(table);
      return false;
    }
    if (/^create (?:schema|sequence|type) /i.test(statement)) return false;
    if (/^create index /i.test(statement)) return false;
    const changed = /^(?:alter table|create unique index .* on) "([^"]+)"/i.exec(statement)?.[1] ?? '';
    if (made.has(changed)) return false;
    if (!/^alter table "[^"]+" add column /i.test(statement)) return true;
    return / (?:not null|unique|primary key|references)/i.test(statement.replace(/ default .*? not null/i, ''));
  });
}

describe('migrations', () => {
  const migrations = readMigrationFiles({ migrationsFolder: migrationsFolder() });

  it('that were released stay as they were', () => {
    expect(migrations.slice(0, released.length).map(({ hash }) => hash)).toEqual(released);
  });

  it('come one after the other in time', () => {
    const times = migrations.map(({ folderMillis }) => folderMillis);
    expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
  });

  it.each(migrations.slice(1).map(({ sql }, index) => [index + 1, sql] as const))(
    'number %i lets processes of the version before go on',
    (_, statements) => {
      expect(statements.length).toBeGreaterThan(0);
      expect(notAdditive(statements)).toEqual([]);
    },
  );

  it.each([
    'DROP TABLE "devices";',
    'ALTER TABLE "devices" DROP COLUMN "id";',
    'ALTER TABLE "devices" RENAME COLUMN "id" TO "name";',
    'ALTER TABLE "devices" RENAME TO "things";',
    'ALTER TABLE "devices" ALTER COLUMN "id" SET NOT NULL;',
    'ALTER TABLE "devices" ALTER COLUMN "id" SET DATA TYPE uuid;',
    'ALTER TABLE "devices" ADD COLUMN "made" text NOT NULL;',
    'ALTER TABLE "devices" ADD COLUMN "made" text UNIQUE;',
    'ALTER TABLE "devices" ADD CONSTRAINT "devices_id_unique" UNIQUE("id");',
    'CREATE UNIQUE INDEX "devices_id" ON "devices" USING btree ("id");',
    'DROP INDEX "devices_changed";',
    'TRUNCATE "devices";',
  ])('would not be released with %s', (statement) => {
    expect(notAdditive([statement])).toEqual([statement]);
  });

  it.each([
    [['ALTER TABLE "devices" ADD COLUMN "made" text;']],
    [[`ALTER TABLE "devices" ADD COLUMN "made" text DEFAULT 'here' NOT NULL;`]],
    [['CREATE INDEX "devices_made" ON "devices" USING btree ("made");']],
    [
      [
        'CREATE TABLE "a" ("key" uuid NOT NULL);',
        'ALTER TABLE "a" ADD CONSTRAINT "k" FOREIGN KEY ("key") REFERENCES "public"."b"("key");',
        'CREATE UNIQUE INDEX "a_key" ON "a" USING btree ("key");',
      ],
    ],
  ])('are released with %j', (statements) => {
    expect(notAdditive(statements)).toEqual([]);
  });
});
