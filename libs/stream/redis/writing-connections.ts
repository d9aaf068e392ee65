import { Cluster } from 'ioredis';
import type { Logger } from '#libs/runtime';
import { RedisConnection, type RedisServers } from './connection.js';

/**
 * Redis takes some 16 KiB from each connection, then makes durable what all of them brought, then looks again. An append to
 * all partitions is ten times that: over one connection it would wait for ten fsyncs, one after the other.
 */
const connections = 8;

/** Connections for the scripts that write; those of a partition go over one of them, in order. */
export class WritingConnections {
  private constructor(private readonly all: readonly RedisConnection[]) {}

  /** `first` and some more like it; a cluster keeps a connection to each of its servers as it is. */
  static open(first: RedisConnection, servers: RedisServers, logger: Logger): WritingConnections {
    if (first.client instanceof Cluster) return new WritingConnections([first]);
    const more = Array.from({ length: connections - 1 }, () => new RedisConnection(servers, logger, false));
    return new WritingConnections([first, ...more]);
  }

  /** Resolves when each is connected, or has failed once: they go on trying. */
  async connect(): Promise<void> {
    await Promise.all(this.all.slice(1).map((connection) => connection.connect()));
  }

  of(partition: number): RedisConnection {
    return this.all[partition % this.all.length] as RedisConnection;
  }

  /** What is wrong with any of them, undefined when well. */
  problem(): string | undefined {
    for (const connection of this.all) {
      const problem = connection.problem();
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  close(): void {
    for (const connection of this.all) connection.close();
  }
}
