import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readlinkSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';

/** Where a process can be asked whether it lives, as its lock says of it. */
export interface PresenceMark {
  /** The PID namespace, within which its process id means something; undefined off Linux. */
  pidNamespace?: string | undefined;
  /** Name of its socket beside the lock; undefined where there can be none. */
  socket?: string | undefined;
}

/**
 * Says of the process that holds a lock that it lives, to those for whom its process id says nothing: two containers on one
 * volume have a PID namespace each. It listens on a Unix socket beside the lock, which the kernel closes with the process,
 * however that ends; an address in the file system is the same in all namespaces.
 */
export class Presence {
  private constructor(
    readonly mark: PresenceMark,
    private readonly end: () => void,
  ) {}

  /** Resolves when it can be asked; on a file system without sockets it has none. */
  static async announce(lock: string): Promise<Presence> {
    const pidNamespace = ownPidNamespace();
    if (pidNamespace === undefined) return new Presence({}, () => undefined);
    const socket = `${basename(lock)}.${randomBytes(6).toString('hex')}.sock`;
    const server = createServer((asking) => asking.destroy());
    const folder = openSync(dirname(lock), 'r');
    const end = () => {
      server.close();
      rmSync(join(dirname(lock), socket), { force: true });
      closeSync(folder);
    };
    if (await listen(server, addressIn(folder, socket))) return new Presence({ pidNamespace, socket }, end);
    closeSync(folder);
    return new Presence({ pidNamespace }, () => undefined);
  }

  /** Whether the holder of `lock` lives; undefined where its process id answers that, or nothing does. */
  static async answers(lock: string, { pidNamespace, socket }: PresenceMark): Promise<boolean | undefined> {
    if (pidNamespace === undefined || socket === undefined || pidNamespace === ownPidNamespace()) return undefined;
    const folder = openSync(dirname(lock), 'r');
    try {
      return await isListening(addressIn(folder, socket));
    } finally {
      closeSync(folder);
    }
  }

  /** Removes what a holder that is gone has left of itself. */
  static clear(lock: string, { socket }: PresenceMark): void {
    if (socket !== undefined) rmSync(join(dirname(lock), socket), { force: true });
  }

  /** It is not there any more. */
  stop(): void {
    this.end();
  }
}

/** The address of a socket is at most 107 bytes: through its open folder it is short. */
function addressIn(folder: number, socket: string): string {
  return `/proc/self/fd/${folder}/${socket}`;
}

function listen(server: Server, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(address, () => resolve(true));
    // A lock keeps no process alive.
    server.unref();
  });
}

function isListening(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address, () => {
      socket.destroy();
      resolve(true);
    });
    // The kernel answers at once. Whatever else it says, somebody may be there.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

function ownPidNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}
