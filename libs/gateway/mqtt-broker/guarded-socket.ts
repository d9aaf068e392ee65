import type { Socket } from 'node:net';
import type { PacketGuard } from './packet-guard.js';
import type { PacketFault } from './packet-syntax.js';
import type { PublishShortcut } from './publish-shortcut.js';

/** Decides whether a connection's bytes may be read now. */
export interface ReadGate {
  /** True while nothing should be read from this connection. */
  isClosed(guard: PacketGuard): boolean;
  /** Calls `listener` once it is worth trying again. */
  whenOpen(guard: PacketGuard, listener: () => void): void;
}

/** A guarded connection. */
export interface GuardedSocket {
  /** Given once the device has logged in. */
  shortcut: PublishShortcut | undefined;
}

const connackHeader = [0x20, 0x02, 0x00];
const returnCodes: Partial<Record<PacketFault, number>> = { protocol_version_unsupported: 1, client_id_empty: 2 };

/**
 * Puts the guard and the gate between a socket and the broker, which takes its bytes by `read()`: no stream in between,
 * no copy. Plain publishes may take the shortcut past the broker, most of them right as they arrive: they never enter
 * the socket's buffer. While the gate is closed the bytes stay in the socket, and soon in the device (TCP flow control).
 */
export function guardSocket(
  socket: Socket,
  guard: PacketGuard,
  gate: ReadGate,
  onFault: (fault: PacketFault) => void,
): GuardedSocket {
  const guarded: GuardedSocket = { shortcut: undefined };
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null;
  const push = socket.push.bind(socket) as (chunk: Buffer | null, encoding?: BufferEncoding) => boolean;
  let waiting = false;
  let refused = false;
  /** Has been looked at on arrival, and is the broker's to take. */
  let arrived: Buffer | null = null;
  const tryAgain = () => {
    waiting = false;
    socket.emit('readable');
  };
  /** What of a chunk is left for the broker. */
  const pass = (chunk: Buffer): Buffer | null => {
    const { betweenPackets } = guard;
    const fault = guard.check(chunk);
    if (fault === undefined) return guarded.shortcut && betweenPackets ? guarded.shortcut.take(chunk) : chunk;
    refused = true;
    onFault(fault);
    refuse(socket, fault);
    return null;
  };
  socket.read = (size?: number): Buffer | null => {
    if (size === 0) return read(0);
    if (arrived) {
      const chunk = arrived;
      arrived = null;
      return chunk;
    }
    if (gate.isClosed(guard)) {
      if (!waiting) gate.whenOpen(guard, tryAgain);
      waiting = true;
      return null;
    }
    const { shortcut } = guarded;
    if (shortcut && shortcut.waiting > 0) {
      shortcut.whenIdle = tryAgain;
      return null;
    }
    const chunk = read(size);
    return chunk === null || refused ? null : pass(chunk);
  };
  socket.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    const { shortcut } = guarded;
    // What came before it goes first, and whatever there is to wait for is waited for in the buffer.
    const first = shortcut?.waiting === 0 && socket.readableLength === 0 && !arrived && !refused;
    if (!chunk || !first || !guard.betweenPackets || gate.isClosed(guard)) return push(chunk, encoding);
    arrived = pass(chunk);
    if (arrived) socket.emit('readable');
    return true;
  };
  return guarded;
}

/** Closes; where MQTT 3.1.1 has a return code for the fault, says so first (clause 3.2.2.3). */
function refuse(socket: Socket, fault: PacketFault): void {
  const code = returnCodes[fault];
  if (code === undefined) {
    socket.destroy();
    return;
  }
  socket.write(Buffer.from([...connackHeader, code]));
  socket.destroySoon();
}
