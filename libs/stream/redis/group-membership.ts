import { randomUUID } from 'node:crypto';
import { type Logger, sleep, systemClock } from '#libs/runtime';
import type { Member, Membership } from '../stream.port.js';
import { assignPartitions } from './assignment.js';
import type { Right } from './committer.js';
import type { RedisConnection } from './connection.js';
import type { Keys } from './keys.js';
import type { OutboxRelay } from './outbox-relay.js';
import { hereScript, leaseScript } from './scripts.js';
import type { WakeUps } from './wake-ups.js';

/** What a membership works with. */
export interface MembershipWork {
  connection: RedisConnection;
  keys: Keys;
  wakeUps: WakeUps;
  relay: OutboxRelay;
  logger: Logger;
  partitions: number;
  /** How long a member that is not heard of keeps its partitions. */
  leaseMs: number;
}

interface Lease {
  token: string;
  /** Aborted when the partition is no longer this member's: commits under way are given up. */
  ended: AbortController;
  /** taken: what was left in the outbox comes first; granted: the member works on it; going: it is let go for another. */
  state: 'taken' | 'granted' | 'going';
}

const longestRestMs = 1_000;
/** A heartbeat and a renewal come so many times within a lease. */
const beatsPerLease = 4;

/**
 * One member of a group: says that it is there, works out its share from who else is, takes the leases of it and renews
 * them, and lets go what is another's share. A lease's token is the fence: until somebody else takes the partition it stays
 * good, after that nothing is kept any more, however late this process learns of it.
 */
export class GroupMembership implements Membership {
  private readonly id = randomUUID();
  private readonly leases = new Map<number, Lease>();
  private readonly stopping = new AbortController();
  private readonly letting = new Set<Promise<void>>();
  /** Tokens with which a partition is being asked for: the same until it is answered, so that a lost answer costs nothing. */
  private readonly asking = new Map<number, string>();
  private grants = 0;
  private beatAt = Number.NEGATIVE_INFINITY;
  private share: ReadonlySet<number> = new Set();
  private sharedBy = '';
  private called = false;
  private call: () => void = () => undefined;
  private running: Promise<void> | undefined;
  private unlisten: (() => void) | undefined;

  constructor(
    readonly stream: string,
    readonly group: string,
    private readonly member: Member,
    private readonly work: MembershipWork,
  ) {}

  /** Takes its place in the group and goes on from there. */
  start(): void {
    const { wakeUps, keys } = this.work;
    this.unlisten = wakeUps.onCall(keys.called(this.stream, this.group), () => this.wake());
    this.running = this.run();
  }

  /** By which right this member commits; undefined where the partition is not its own. */
  right(partition: number): Right | undefined {
    const lease = this.leases.get(partition);
    return lease && { token: lease.token, signal: lease.ended.signal };
  }

  /** The partition has another owner. */
  lose(partition: number, token: string): void {
    const lease = this.leases.get(partition);
    if (lease?.token !== token) return;
    this.drop(partition, lease);
    if (lease.state !== 'taken') this.member.lost(partition);
  }

  /** It owns nothing any more, and never will. */
  get left(): boolean {
    return this.stopping.signal.aborted;
  }

  async leave(): Promise<void> {
    if (this.left) return;
    this.stopping.abort();
    this.unlisten?.();
    this.wake();
    await this.running;
    await Promise.all(this.letting);
    const { connection, keys, logger } = this.work;
    const held = [...this.leases];
    for (const [partition, lease] of held) this.drop(partition, lease);
    try {
      await Promise.all(held.map(([partition, { token }]) => this.lease('release', partition, token)));
      await connection.ask((client) => client.hdel(keys.members(this.stream, this.group), this.id));
      await this.callOthers();
    } catch (error) {
      logger.warn({ err: error, stream: this.stream, group: this.group }, 'could not say that this member leaves');
    }
  }

  private wake(): void {
    this.called = true;
    this.call();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.called = false;
      try {
        await this.turn();
      } catch (error) {
        const at = { stream: this.stream, group: this.group };
        this.work.logger.debug({ err: error, ...at }, 'a member could not look after its partitions; it tries again');
      }
      if (!this.called) await this.rest();
    }
  }

  private async rest(): Promise<void> {
    const woken = new AbortController();
    this.call = () => woken.abort();
    // Never past its own next beat: others would take it for gone.
    const restMs = Math.min(longestRestMs, this.work.leaseMs / beatsPerLease);
    if (!this.called && !this.stopping.signal.aborted) await sleep(systemClock, restMs, woken.signal);
    this.call = () => undefined;
  }

  private async turn(): Promise<void> {
    const { connection, keys, leaseMs, partitions } = this.work;
    const members = keys.members(this.stream, this.group);
    const ids = (await connection.run(hereScript, [members], [this.id, leaseMs])) as string[];
    const sharedBy = ids.sort().join(' ');
    if (sharedBy !== this.sharedBy) {
      this.share = assignPartitions(ids, partitions).get(this.id) ?? new Set();
      if (!this.sharedBy) await this.callOthers();
      this.sharedBy = sharedBy;
    }
    if (performance.now() - this.beatAt >= leaseMs / beatsPerLease) {
      this.beatAt = performance.now();
      await this.renew();
    }
    for (const [partition, lease] of this.leases) {
      if (!this.share.has(partition) && lease.state !== 'going') this.letGo(partition, lease);
    }
    await Promise.all([...this.share].filter((partition) => !this.leases.has(partition)).map((one) => this.take(one)));
  }

  private async renew(): Promise<void> {
    await Promise.all(
      [...this.leases].map(async ([partition, { token }]) => {
        if (!(await this.lease('renew', partition, token))) this.lose(partition, token);
      }),
    );
  }

  private async take(partition: number): Promise<void> {
    const token = this.asking.get(partition) ?? `${this.id}:${++this.grants}`;
    this.asking.set(partition, token);
    const taken = await this.lease('take', partition, token);
    if (!taken) return;
    this.asking.delete(partition);
    const lease: Lease = { token, ended: new AbortController(), state: 'taken' };
    this.leases.set(partition, lease);
    // What the owner before has left in its outbox comes before anything new.
    const source = { stream: this.stream, group: this.group, partition };
    this.work.relay.drain(source, lease.ended.signal).then(
      () => {
        if (this.leases.get(partition) !== lease || lease.state !== 'taken') return;
        lease.state = 'granted';
        this.member.granted(partition);
      },
      (error: unknown) => {
        if (this.leases.get(partition) !== lease) return;
        this.work.logger.warn(
          { err: error, ...source },
          'what an owner left for other partitions could not be brought there',
        );
        this.drop(partition, lease);
      },
    );
  }

  /** Hands a partition over: when its batch under way is committed, and the stage has forgotten it. */
  private letGo(partition: number, lease: Lease): void {
    const given = lease.state === 'granted' ? this.member.revoked(partition) : Promise.resolve();
    lease.state = 'going';
    const letting = given
      .then(async () => {
        if (this.leases.get(partition) !== lease) return;
        this.drop(partition, lease);
        await this.lease('release', partition, lease.token);
        await this.callOthers();
      })
      .catch((error: unknown) => {
        // The others wait until the lease ends by itself.
        this.work.logger.warn({ err: error, stream: this.stream, group: this.group, partition }, 'could not release');
      })
      .finally(() => this.letting.delete(letting));
    this.letting.add(letting);
  }

  private drop(partition: number, lease: Lease): void {
    this.leases.delete(partition);
    lease.ended.abort();
  }

  private async lease(action: 'take' | 'renew' | 'release', partition: number, token: string): Promise<boolean> {
    const { connection, keys, leaseMs } = this.work;
    const key = keys.owner(this.stream, this.group, partition);
    return (await connection.run(leaseScript, [key], [action, token, leaseMs])) === 1;
  }

  private async callOthers(): Promise<void> {
    const { connection, keys } = this.work;
    await connection.ask((client) => client.publish(keys.called(this.stream, this.group), this.id));
  }
}
