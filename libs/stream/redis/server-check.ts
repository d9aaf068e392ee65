import type { Redis } from 'ioredis';
import { memoryShares } from './memory.js';
import { classifyRedisFailure } from './redis-failure.js';

/** What a server's settings mean for what we promise. */
export interface ServerCheck {
  /** Why it cannot be used at all. */
  refusal: string | undefined;
  /** What is lost, and when, as it is set up. */
  warnings: string[];
  /** How it goes where all is well, for whoever runs it. */
  notes: string[];
}

const oldestMajor = 7;
const mebibyte = 2 ** 20;

/** Reads how a server is set up. Rejects where it does not answer. */
export async function checkServer(server: Redis): Promise<ServerCheck> {
  const info = await server.info();
  const value = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
  const version = value('redis_version') ?? 'unknown';
  if (!(Number(version.split('.')[0]) >= oldestMajor)) {
    return { refusal: `Redis ${version} is too old: ${oldestMajor}.0 or later is needed`, warnings: [], notes: [] };
  }
  const settings = await readSettings(server, ['appendfsync', 'maxmemory-policy', 'min-replicas-to-write']);
  const maxMemoryBytes = Number(value('maxmemory') ?? 0);
  return {
    refusal: undefined,
    notes: maxMemoryBytes > 0 ? [memoryNote(maxMemoryBytes)] : [],
    warnings: warningsOf({
      appendOnly: value('aof_enabled') === '1',
      replicas: Number(value('connected_slaves') ?? 0),
      appendFsync: settings?.get('appendfsync'),
      policy: settings?.get('maxmemory-policy') ?? value('maxmemory_policy'),
      minReplicas: settings?.get('min-replicas-to-write'),
      maxMemoryBytes,
      readable: settings !== undefined,
    }),
  };
}

/** A server's setup, as far as it could be read. */
export interface ServerSetup {
  appendOnly: boolean;
  replicas: number;
  appendFsync: string | undefined;
  policy: string | undefined;
  minReplicas: string | undefined;
  /** 0 where it may use all that the machine has. */
  maxMemoryBytes: number;
  /** Whether its settings could be read at all. */
  readable: boolean;
}

/** What is lost with such a setup, in words for whoever runs it. */
export function warningsOf({
  appendOnly,
  replicas,
  appendFsync,
  policy,
  minReplicas,
  maxMemoryBytes,
  readable,
}: ServerSetup): string[] {
  const warnings: string[] = [];
  if (!appendOnly) {
    warnings.push(
      'appendonly is no: a restart of Redis loses acknowledged messages, all since its last snapshot. Set appendonly yes and appendfsync always.',
    );
  } else if (appendFsync !== undefined && appendFsync !== 'always') {
    const lost = appendFsync === 'everysec' ? 'up to a second' : 'up to half a minute';
    warnings.push(
      `appendfsync is ${appendFsync}: a power failure loses ${lost} of acknowledged messages. Set appendfsync always.`,
    );
  }
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(
      `maxmemory-policy is ${policy}: a full Redis throws away streams and state without a word. Set maxmemory-policy noeviction.`,
    );
  }
  if (maxMemoryBytes === 0) {
    warnings.push(
      'maxmemory is 0: nothing but the machine bounds what Redis keeps, and a backlog ends with Redis killed for its memory. Set maxmemory to half of what it has (rewriting its log may take as much again).',
    );
  }
  if (replicas > 0 && (minReplicas === undefined || minReplicas === '0')) {
    warnings.push(
      `${replicas} replicas follow asynchronously: a failover loses the acknowledged messages that had not reached the new master. Set min-replicas-to-write 1 and min-replicas-max-lag 10 to bound that, and let no failover happen while the master's disk is intact.`,
    );
  }
  if (!readable) {
    warnings.push(
      'CONFIG is not permitted here, so appendfsync could not be checked: unless it is always, a power failure loses acknowledged messages.',
    );
  }
  return warnings;
}

function memoryNote(maxMemoryBytes: number): string {
  const { cutFrom, intake } = memoryShares;
  const [most, from, full] = [1, cutFrom, intake].map((share) => Math.round((maxMemoryBytes * share) / mebibyte));
  return `Redis may use ${most} MiB: above ${from} the oldest entries that every stage has worked through are cut, whatever STREAM_RETENTION_HOURS says, above ${full} nothing more is taken in.`;
}

async function readSettings(server: Redis, names: readonly string[]): Promise<Map<string, string> | undefined> {
  const settings = new Map<string, string>();
  try {
    for (const name of names) {
      const [, value] = (await server.config('GET', name)) as string[];
      if (value !== undefined) settings.set(name, value);
    }
    return settings;
  } catch (error) {
    const { kind } = classifyRedisFailure(error);
    // Managed services forbid it, or do not know it.
    if (kind === 'not_permitted' || kind === 'broken') return undefined;
    throw error;
  }
}
