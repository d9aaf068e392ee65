import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { DATABASE, type Database } from '#libs/registry-db';

/** A device's presence as the registry shows it. */
export interface PresenceRow {
  deviceKey: string;
  online: boolean;
  /** Epoch seconds. */
  since: number;
  /** Epoch seconds; 0 where it was never seen. */
  lastSeenAt: number;
  cause: string;
}

/** Presence in the registry: what the REST API shows. */
@Injectable()
export class PresenceRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Writes the rows; a device seen for the first time becomes active. Idempotent; devices that are not registered are passed over. */
  async write(rows: readonly PresenceRow[]): Promise<void> {
    const column = (values: readonly unknown[]) => sql.param(values);
    await this.database.transaction(async (transaction) => {
      await transaction.execute(sql`
        insert into device_presence (device_key, online, since, last_seen_at, cause)
        select d.key, r.online, to_timestamp(r.since), to_timestamp(nullif(r.seen, 0)), r.cause
        from unnest(
          ${column(rows.map((row) => row.deviceKey))}::uuid[],
          ${column(rows.map((row) => row.online))}::boolean[],
          ${column(rows.map((row) => row.since))}::float8[],
          ${column(rows.map((row) => row.lastSeenAt))}::float8[],
          ${column(rows.map((row) => row.cause))}::text[]
        ) as r (key, online, since, seen, cause) join devices d on d.key = r.key
        on conflict (device_key) do update set online = excluded.online, since = excluded.since,
          last_seen_at = excluded.last_seen_at, cause = excluded.cause,
          changed = case when device_presence.online is distinct from excluded.online
            or (device_presence.last_seen_at is null) <> (excluded.last_seen_at is null)
            then pg_current_xact_id() else device_presence.changed end`);
      const seen = rows.filter((row) => row.online).map((row) => row.deviceKey);
      if (seen.length === 0) return;
      await transaction.execute(sql`
        update devices set status = 'active', changed = pg_current_xact_id(), updated_at = now()
        where key = any(${column(seen)}::uuid[]) and status = 'registered'`);
    });
  }
}
