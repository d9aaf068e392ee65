import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { StreamOpenError } from '../stream.errors.js';

/** The process that holds a folder. A process id alone comes again; with its start time and the machine's boot it does not. */
interface Holder {
  pid: number;
  startedAt: string;
  boot: string;
}

const attempts = 20;

/**
 * One process per folder: a file that names its holder. It is created atomically with its content, and a file whose
 * holder is gone (SIGKILL, power cut) is taken over.
 */
export class ProcessLock {
  private constructor(
    private readonly path: string,
    /** False where another thread or instance of this process holds the folder already. */
    readonly owned: boolean,
  ) {}

  /** Throws `StreamOpenError` where a living process holds the folder. */
  static acquire(path: string): ProcessLock {
    const self = currentHolder();
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (create(path, self)) return new ProcessLock(path, true);
      const text = readIfThere(path);
      if (text === undefined) continue;
      const holder = parse(text);
      if (holder && sameHolder(holder, self)) return new ProcessLock(path, false);
      if (holder && isAlive(holder)) {
        throw new StreamOpenError(
          `the data folder of ${path} is in use by process ${holder.pid}: stop it first, or set another DATA_DIR`,
        );
      }
      removeStale(path, text);
    }
    throw new StreamOpenError(`could not lock ${path}: other processes keep taking it`);
  }

  release(): void {
    if (this.owned) rmSync(this.path, { force: true });
  }
}

function create(path: string, holder: Holder): boolean {
  const own = `${path}.${holder.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(own, JSON.stringify(holder));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(own);
  }
}

/** Moves a stale file away; where another process was faster and the file is a living one's, puts it back. */
function removeStale(path: string, staleText: string): void {
  const away = `${path}.stale.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    renameSync(path, away);
  } catch {
    return;
  }
  try {
    if (readIfThere(away) !== staleText) linkSync(away, path);
  } catch {
    // Somebody has created the file again meanwhile; the next attempt reads it.
  } finally {
    rmSync(away, { force: true });
  }
}

function currentHolder(): Holder {
  return { pid: process.pid, startedAt: startTimeOf(process.pid) ?? '', boot: bootId() };
}

function sameHolder(a: Holder, b: Holder): boolean {
  return a.pid === b.pid && a.startedAt === b.startedAt && a.boot === b.boot;
}

function isAlive(holder: Holder): boolean {
  if (holder.boot !== bootId()) return false;
  const startedAt = startTimeOf(holder.pid);
  if (startedAt !== undefined) return startedAt === holder.startedAt;
  if (process.platform === 'linux') return false;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of /proc/<pid>/stat: start time in clock ticks since boot (proc(5)). Undefined off Linux, where gone or a zombie. */
function startTimeOf(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19];
}

function bootId(): string {
  return readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, startedAt, boot } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' ? { pid, startedAt: startedAt ?? '', boot: boot ?? '' } : undefined;
  } catch {
    return undefined;
  }
}
