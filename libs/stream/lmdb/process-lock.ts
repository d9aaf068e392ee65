import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { Presence, type PresenceMark } from '#libs/runtime';
import { StreamOpenError } from '../stream.errors.js';

/**
 * The process that holds a folder. A process id alone comes again; with its start time and the machine's boot it does not.
 * In another container it means nothing: there its presence is asked.
 */
interface Holder extends PresenceMark {
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
    private readonly presence: Presence,
  ) {}

  /** Rejects with `StreamOpenError` where a living process holds the folder. */
  static async acquire(path: string): Promise<ProcessLock> {
    // Before anybody can read who holds it, so that whoever does can be asked.
    const presence = await Presence.announce(path);
    try {
      const owned = await own(path, { ...currentHolder(), ...presence.mark });
      if (!owned) presence.stop();
      return new ProcessLock(path, owned, presence);
    } catch (error) {
      presence.stop();
      throw error;
    }
  }

  release(): void {
    if (!this.owned) return;
    rmSync(this.path, { force: true });
    this.presence.stop();
  }
}

/** True where the folder is this holder's now, false where it was this process's already. */
async function own(path: string, self: Holder): Promise<boolean> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (create(path, self)) return true;
    const text = readIfThere(path);
    if (text === undefined) continue;
    const holder = parse(text);
    if (holder && sameHolder(holder, self)) return false;
    if (holder && (await isAlive(path, holder))) {
      throw new StreamOpenError(
        `the data folder of ${path} is in use by process ${holder.pid}: stop it first, or set another DATA_DIR`,
      );
    }
    removeStale(path, text);
    if (holder) Presence.clear(path, holder);
  }
  throw new StreamOpenError(`could not lock ${path}: other processes keep taking it`);
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
  return a.pid === b.pid && a.startedAt === b.startedAt && a.boot === b.boot && a.pidNamespace === b.pidNamespace;
}

async function isAlive(path: string, holder: Holder): Promise<boolean> {
  if (holder.boot !== bootId()) return false;
  const answered = await Presence.answers(path, holder);
  if (answered !== undefined) return answered;
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
    const { pid, startedAt = '', boot = '', pidNamespace, socket } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' ? { pid, startedAt, boot, pidNamespace, socket } : undefined;
  } catch {
    return undefined;
  }
}
