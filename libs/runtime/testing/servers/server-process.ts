import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type SpawnTarget, spawnTarget } from './where.js';

/** A server program as a child process, or in a container, that a test can end, freeze and start again. */
export class ServerProcess {
  private child: ChildProcess | undefined;
  private output = '';

  constructor(
    private readonly name: string,
    private readonly target: SpawnTarget,
    private readonly args: readonly string[],
    /** Resolves once the server answers; rejects while it does not. */
    private readonly probe: () => Promise<void>,
  ) {}

  /** Of what was started; 0 where it was not. */
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Resolves when the server answers. Throws with the end of its output where it does not within `timeoutMs`. */
  async start(timeoutMs = 30_000): Promise<void> {
    const { command, args, options } = spawnTarget(this.target, this.args);
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    child.on('error', (error) => this.keep(error.message));
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => this.keep(String(chunk)));
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        return await this.probe();
      } catch (error) {
        const ended = child.exitCode !== null || child.signalCode !== null;
        if (ended || performance.now() > deadline) {
          await this.kill();
          throw new Error(`${this.name} did not start: ${(error as Error).message}\n${this.output}`);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Lets it write what it holds, then ends it. */
  async stop(): Promise<void> {
    await this.end('SIGINT');
  }

  /** Freezes it: its connections stay open and nothing answers. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  private async end(signal: 'SIGKILL' | 'SIGINT'): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    // One that a test has frozen must run to be ended, and a container to be killed.
    if (signal === 'SIGINT' || this.target.kind === 'container') this.signal('SIGCONT', child);
    const sessions = this.signal(signal, child);
    const impatient = setTimeout(() => this.signal('SIGKILL', child), 20_000);
    await exited;
    clearTimeout(impatient);
    // They hold its port until they have ended too.
    while (sessions.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Answers the processes that got it beside the first. */
  private signal(signal: NodeJS.Signals, child = this.child): number[] {
    if (this.target.kind === 'container') {
      const { container } = this.target;
      // A signal reaches the first process only, which is not the server.
      const how = { SIGSTOP: ['pause'], SIGCONT: ['unpause'] }[signal as string] ?? ['kill', `--signal=${signal}`];
      spawnSync('docker', [...how, container], { stdio: 'ignore' });
      return [];
    }
    // PostgreSQL's sessions are processes of their own, which would go on. Only its first is to be asked to stop.
    if (signal === 'SIGINT' || child?.pid === undefined) {
      child?.kill(signal);
      return [];
    }
    // Frozen, it starts no other while they are counted.
    child.kill('SIGSTOP');
    const sessions = childrenOf(child.pid);
    child.kill(signal);
    for (const pid of sessions) sendTo(pid, signal);
    return sessions;
  }

  private keep(text: string): void {
    this.output = (this.output + text).slice(-4_000);
  }
}

/** The processes that `parent` has started, where the system tells. */
function childrenOf(parent: number): number[] {
  const pids = existsSync('/proc') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return pids.map(Number).filter((pid) => Number(statOf(pid)?.[1]) === parent);
}

/** False for one that has ended and that nobody has asked about yet, a zombie. */
function isRunning(pid: number): boolean {
  const state = statOf(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** State, parent and what follows of /proc/pid/stat, proc(5); undefined where there is no such process. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // They come after the command in parentheses, which may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
