import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Presence, type PresenceMark } from '#libs/runtime';

const heldHere = new Set<string>();

/**
 * Takes a directory for this process alone; resolves with the way to give it back. A lock left by a process that was killed
 * is taken over: it names its process and when that started, so that neither a reused process id nor a container's
 * eternal 1 is mistaken for its owner, and where the owner of another container can be asked. Rejects where the owner is alive.
 */
export async function lockDirectory(directory: string): Promise<() => void> {
  const path = join(directory, 'lock');
  if (heldHere.has(path)) throw new Error(`${directory} is already open in this process.`);
  // Before anybody can read who holds it, so that whoever does can be asked.
  const presence = await Presence.announce(path);
  try {
    await own(directory, path, {
      pid: process.pid,
      started: processStart(process.pid),
      ...presence.mark,
    });
  } catch (error) {
    presence.stop();
    throw error;
  }
  heldHere.add(path);
  return () => {
    heldHere.delete(path);
    rmSync(path, { force: true });
    presence.stop();
  };
}

async function own(directory: string, path: string, self: Owner): Promise<void> {
  // In each container the process id may be the same.
  const draft = `${path}.${randomUUID()}`;
  for (let attempt = 0; attempt < 3; attempt++) {
    writeFileSync(draft, JSON.stringify(self));
    try {
      // A link is made or refused in one step, with its content: nobody ever reads half a lock.
      linkSync(draft, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = readOwner(path);
      if (owner && (await isAlive(path, owner))) {
        throw new Error(
          `${directory} is in use by process ${owner.pid}. Stop it first; if there is no such process, delete ${path}.`,
        );
      }
      rmSync(path, { force: true });
      if (owner) Presence.clear(path, owner);
    } finally {
      rmSync(draft, { force: true });
    }
  }
  throw new Error(`${directory} cannot be locked: another process is starting on it.`);
}

interface Owner extends PresenceMark {
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

async function isAlive(path: string, owner: Owner): Promise<boolean> {
  const answered = await Presence.answers(path, owner);
  if (answered !== undefined) return answered;
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
