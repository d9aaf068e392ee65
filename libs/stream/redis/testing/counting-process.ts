import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The counting stage in a process of its own. */
export class CountingProcess {
  private readonly lines: string[] = [];
  private readonly child: ChildProcess;
  private output = '';

  constructor(url: string, prefix: string, leaseMs: number) {
    const script = fileURLToPath(new URL('counting-stage.child.js', import.meta.url));
    this.child = spawn(process.execPath, [script, url, prefix, String(leaseMs)], { stdio: ['pipe', 'pipe', 'pipe'] });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.lines.push(line));
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.output = (this.output + String(chunk)).slice(-4_000);
    });
  }

  /** How many of its lines begin so. Throws where it wrote to standard error: nothing, when all is well. */
  said(start: string): number {
    if (this.output) throw new Error(`the counting process failed: ${this.output}`);
    return this.lines.filter((line) => line.startsWith(start)).length;
  }

  /** Whether it has ended, and as a failure. */
  get failed(): boolean {
    return (this.child.exitCode ?? 0) !== 0;
  }

  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** Ends it at once. */
  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  /** Lets it finish. */
  stop(): Promise<void> {
    return this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGCONT');
    this.child.kill(signal);
    await exited;
  }
}
