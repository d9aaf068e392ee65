import type { Socket } from 'node:net';
import type { PacketGuard } from './packet-guard.js';
import type { PacketFault } from './packet-syntax.js';
import type { PublishShortcut } from './publish-shortcut.js';

/** Decides whether a connection's bytes may be read now. */
export interface ReadGate {
  /** True while nothing should be read from this connection. */
  isClosed(guard: PacketGuard): boolean;
  /** Calls `listener` once it is worth trying again. */
  whenOpen(listener: () => void): void;
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
 * no copy. Plain publishes may take the shortcut past the broker. While the gate is closed the bytes stay in the socket, and soon in the device (TCP flow control).
 */
export function guardSocket(
  socket: Socket,
  guard: PacketGuard,
  gate: ReadGate,
  onFault: (fault: PacketFault) => void,
): GuardedSocket {
  const guarded: GuardedSocket = { shortcut: undefined };
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null;
  let waiting = false;
  let refused = false;
  const tryAgain = () => {
    waiting = false;
    socket.emit('readable');
  };
  socket.read = (size?: number): Buffer | null => {
    if (size === 0) return read(0);
    if (gate.isClosed(guard)) {
      if (!waiting) gate.whenOpen(tryAgain);
      waiting = true;
      return null;
    }
    const { shortcut } = guarded;
    if (shortcut && shortcut.waiting > 0) {
      shortcut.whenIdle = tryAgain;
      return null;
    }
    const chunk = read(size);
    if (chunk === null || refused) return null;
    const { betweenPackets } = guard;
    const fault = guard.check(chunk);
    if (fault === undefined) return shortcut && betweenPackets ? shortcut.take(chunk) : chunk;
    refused = true;
    onFault(fault);
    refuse(socket, fault);
    return null;
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
