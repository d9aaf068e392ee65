import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TestCertificate } from '#libs/gateway/testing';

/** PostgreSQL's SSLRequest (protocol 3.0, 55.2.11): length 8, code 80877103. A client sends it before its handshake. */
const sslRequest = Buffer.from('0000000804d2162f', 'hex');

/** A listener that speaks TLS to its clients and plainly to a server behind it, as a city's TLS proxy does. */
export class TlsFront {
  private readonly sockets = new Set<Socket>();
  /** How many clients have completed a handshake. */
  secured = 0;

  private constructor(private readonly listener: Server) {}

  /** Listens on a free port of loopback, before the server at `port`. */
  static async open(port: number, { cert, key }: TestCertificate): Promise<TlsFront> {
    const handshakes = createTlsServer({ cert, key });
    const listener = createServer();
    const front = new TlsFront(listener);
    handshakes.on('secureConnection', (secure) => {
      front.secured += 1;
      const behind = front.keep(connect(port, '127.0.0.1'));
      front.keep(secure).pipe(behind).pipe(secure);
    });
    listener.on('connection', (socket) => {
      front.keep(socket);
      socket.once('data', (first) => {
        socket.pause();
        if (first.equals(sslRequest)) socket.write('S');
        else socket.unshift(first);
        handshakes.emit('connection', socket);
      });
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return front;
  }

  get port(): number {
    return (this.listener.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.listener.close(resolve));
  }

  private keep<T extends Socket>(socket: T): T {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    return socket;
  }
}
