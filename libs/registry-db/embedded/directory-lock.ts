import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const heldHere = new Set<string>();

/**
 * Takes a directory for this process alone; returns the way to give it back. A lock left by a process that was killed
 * is taken over: it names its process and when that started, so that neither a reused process id nor a container's
 * eternal 1 is mistaken for its owner. Throws where the owner is alive.
 */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, 'lock');
  const draft = join(directory, `lock.${process.pid}`);
  if (heldHere.has(path)) throw new Error(`${directory} is already open in this process.`);
  for (let attempt = 0; attempt < 3; attempt++) {
    writeFileSync(draft, JSON.stringify({ pid: process.pid, started: processStart(process.pid) }));
    try {
      // A link is made or refused in one step, with its content: nobody ever reads half a lock.
      linkSync(draft, path);
      heldHere.add(path);
      return () => {
        heldHere.delete(path);
        rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = readOwner(path);
      if (owner && isAlive(owner)) {
        throw new Error(
          `${directory} is in use by process ${owner.pid}. Stop it first; if there is no such process, delete ${path}.`,
        );
      }
      rmSync(path, { force: true });
    } finally {
      rmSync(draft, { force: true });
    }
  }
  throw new Error(`${directory} cannot be locked: another process is starting on it.`);
}

interface Owner {
  pid: number;
  started: string | undefined;
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  const started = processStart(owner.pid);
  if (started !== undefined && owner.started !== undefined) return started === owner.started;
  // Our own id in a lock that we do not hold is a dead process's.
  if (owner.pid === process.pid) return false;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in ticks since boot, with the boot's id; undefined where the system does not tell. */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22, counted after the command in parentheses, which may hold anything.
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${started}`;
  } catch {
    return undefined;
  }
}
