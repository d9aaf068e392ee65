import { Inject, Injectable } from '@nestjs/common';
import { and, desc, eq, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { CommandOutcome } from '#libs/contracts';
import { DATABASE, type Database, deviceCommands, devices, jsonValue } from '#libs/registry-db';
import { type CommandsConfig, commandsConfig } from './commands.config.js';

export type CommandRow = typeof deviceCommands.$inferSelect;
export type CommandState = CommandRow['state'];

/** A command that waits for its device. */
export interface OpenCommandRow {
  key: string;
  tenantKey: string;
  deviceKey: string;
  parentKey: string | null;
  command: string;
  parameters: unknown;
  state: CommandState;
  expiresAt: Date;
}

/** States in which a command is still to be delivered. */
const openStates: CommandState[] = ['queued', 'sent'];
const prunedAtOnce = 10_000;

/** What an outcome changes: states only ever go forward, and what a device did outweighs what we had given up. */
const changes: Record<CommandOutcome['kind'], { before: CommandState[]; set: (at: Date) => Partial<CommandRow> }> = {
  sent: { before: ['queued', 'sent'], set: (at) => ({ state: 'sent', sentAt: at }) },
  acknowledged: {
    before: ['queued', 'sent', 'expired', 'cancelled'],
    set: (at) => ({ state: 'acknowledged', acknowledgedAt: at }),
  },
  replied: {
    before: ['queued', 'sent', 'expired', 'cancelled', 'acknowledged'],
    set: (at) => ({ state: 'replied', repliedAt: at }),
  },
};

/** Commands in the registry. */
@Injectable()
export class CommandsRepository {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(commandsConfig.KEY) private readonly config: CommandsConfig,
  ) {}

  async insert(row: typeof deviceCommands.$inferInsert): Promise<CommandRow> {
    const [inserted] = await this.database.insert(deviceCommands).values(row).returning();
    return inserted as CommandRow;
  }

  /** Commands of a device, the newest first. */
  list(
    deviceKey: string,
    state: CommandState | undefined,
    before: string | undefined,
    limit: number,
  ): Promise<CommandRow[]> {
    return this.database
      .select()
      .from(deviceCommands)
      .where(
        and(
          eq(deviceCommands.deviceKey, deviceKey),
          state === undefined ? undefined : eq(deviceCommands.state, state),
          before === undefined ? undefined : lt(deviceCommands.key, before),
        ),
      )
      .orderBy(desc(deviceCommands.key))
      .limit(limit);
  }

  async find(deviceKey: string, key: string): Promise<CommandRow | undefined> {
    const [row] = await this.database
      .select()
      .from(deviceCommands)
      .where(and(eq(deviceCommands.deviceKey, deviceKey), eq(deviceCommands.key, key)));
    return row;
  }

  /** How many commands wait for a device. */
  openOf(deviceKey: string): Promise<number> {
    return this.database.$count(
      deviceCommands,
      and(eq(deviceCommands.deviceKey, deviceKey), inArray(deviceCommands.state, openStates)),
    );
  }

  /** False where it does not wait any more. */
  async cancel(key: string, at: Date): Promise<boolean> {
    const cancelled = await this.database
      .update(deviceCommands)
      .set({ state: 'cancelled', endedAt: at })
      .where(and(eq(deviceCommands.key, key), inArray(deviceCommands.state, openStates)))
      .returning({ key: deviceCommands.key });
    return cancelled.length > 0;
  }

  /** Notes an outcome once; answers whether the device was ever sent such a command. */
  async note(outcome: CommandOutcome, reply: { value: unknown; failed: boolean } | undefined): Promise<boolean> {
    const { before, set } = changes[outcome.kind];
    const at = new Date(outcome.at);
    const replied = reply && {
      reply: jsonValue(reply.value),
      replyMessageId: outcome.messageId,
      ...(reply.failed ? { state: 'failed' as const } : {}),
    };
    const own = and(eq(deviceCommands.key, outcome.commandId), eq(deviceCommands.deviceKey, outcome.deviceKey));
    const noted = await this.database
      .update(deviceCommands)
      .set({ ...set(at), ...replied })
      .where(and(own, inArray(deviceCommands.state, before)))
      .returning({ key: deviceCommands.key });
    return noted.length > 0 || (await this.database.$count(deviceCommands, own)) > 0;
  }

  /** Commands that wait, those that expire first. */
  open(now: Date, limit: number): Promise<OpenCommandRow[]> {
    return this.database
      .select({
        key: deviceCommands.key,
        tenantKey: deviceCommands.tenantKey,
        deviceKey: deviceCommands.deviceKey,
        parentKey: devices.parentKey,
        command: deviceCommands.command,
        parameters: deviceCommands.parameters,
        state: deviceCommands.state,
        expiresAt: deviceCommands.expiresAt,
      })
      .from(deviceCommands)
      .innerJoin(devices, eq(devices.key, deviceCommands.deviceKey))
      .where(and(inArray(deviceCommands.state, openStates), sql`${deviceCommands.expiresAt} > ${now}`))
      .orderBy(deviceCommands.expiresAt)
      .limit(limit);
  }

  /** True where this caller may hand the command on for `COMMANDS_CLAIM_SECONDS`: it waits, and nobody else is at it. By the registry's clock. */
  async claim(key: string): Promise<boolean> {
    const claimed = await this.database
      .update(deviceCommands)
      .set({ claimedUntil: sql`now() + ${this.config.claimSeconds} * interval '1 second'` })
      .where(
        and(
          eq(deviceCommands.key, key),
          eq(deviceCommands.state, 'queued'),
          sql`(${deviceCommands.claimedUntil} is null or ${deviceCommands.claimedUntil} <= now())`,
        ),
      )
      .returning({ key: deviceCommands.key });
    return claimed.length > 0;
  }

  /** Ends what has waited too long; answers how many. */
  async expire(now: Date): Promise<number> {
    const expired = await this.database
      .update(deviceCommands)
      .set({ state: 'expired', endedAt: now })
      .where(and(inArray(deviceCommands.state, openStates), sql`${deviceCommands.expiresAt} <= ${now}`))
      .returning({ key: deviceCommands.key });
    return expired.length;
  }

  /** Forgets commands made before `oldest` that are over, so many at once. */
  async prune(oldest: Date): Promise<void> {
    const over: SQL = sql`${deviceCommands.key} in (select key from ${deviceCommands}
      where created_at < ${oldest} and state not in ('queued', 'sent') limit ${prunedAtOnce})`;
    await this.database.delete(deviceCommands).where(over);
  }
}
