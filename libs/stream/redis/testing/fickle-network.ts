import { createServer, connect as dial, type Server, type Socket } from 'node:net';

interface Pair {
  near: Socket;
  far: Socket;
}

/** A way to a server that a test can cut: in the middle of a question, or after the server did what it was asked to. */
export class FickleNetwork {
  private readonly pairs = new Set<Pair>();
  private listening: Server | undefined;
  private server = { host: '', port: 0 };
  /** How many more answers come through. */
  private passing = Number.POSITIVE_INFINITY;
  private closed = false;
  /** Bytes that came back from the server and were kept from whoever asked. */
  swallowed = 0;

  /** Opens it in front of the server at `url`; gives the URL to use instead. */
  async open(url: string): Promise<string> {
    this.leadTo(url);
    const server = createServer((near) => {
      if (this.closed) return void near.destroy();
      const pair = { near, far: dial(this.server.port, this.server.host) };
      this.pairs.add(pair);
      near.on('data', (chunk) => pair.far.write(chunk));
      pair.far.on('data', (chunk) => {
        if (this.passing === 0) this.swallowed += chunk.length;
        else {
          this.passing--;
          near.write(chunk);
        }
      });
      for (const socket of [near, pair.far]) {
        socket.on('error', () => this.cut(pair));
        socket.on('close', () => this.cut(pair));
      }
    });
    this.listening = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `redis://127.0.0.1:${(server.address() as { port: number }).port}`;
  }

  /** New connections go to the server at `url`. */
  leadTo(url: string): void {
    const { hostname: host, port } = new URL(url);
    this.server = { host, port: Number(port) };
  }

  /** From now on the server hears everything, and nothing comes back after the next `passing` answers. */
  swallowAnswers(passing = 0): void {
    this.passing = passing;
  }

  /** Cuts every connection; new ones are whole again. */
  cutAll(): void {
    this.passing = Number.POSITIVE_INFINITY;
    for (const pair of [...this.pairs]) this.cut(pair);
  }

  /** Cuts every connection and takes no new one until `heal`. */
  close(): void {
    this.closed = true;
    this.cutAll();
  }

  heal(): void {
    this.closed = false;
  }

  async stop(): Promise<void> {
    this.close();
    await new Promise((resolve) => this.listening?.close(resolve));
  }

  private cut(pair: Pair): void {
    this.pairs.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  }
}
