import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const stopTimeoutMs = 60_000;

/** One app of the platform in a process of its own, as the launcher runs it. */
export class AppProcess {
  private child: ChildProcess | undefined;
  /** Where the release is that it runs: this one, unless it is told otherwise. */
  private release = process.cwd();

  constructor(
    /** The launcher's argument. */
    readonly role: string,
    private readonly logFile: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** The exit code, or the signal that ended it; null while it runs or before it was started. */
  get ended(): number | string | null {
    return this.child?.exitCode ?? this.child?.signalCode ?? null;
  }

  /** Everything it printed, newest start last. */
  output(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** From its next start on it runs the release that is installed and built in `folder`. */
  runs(folder: string): void {
    this.release = folder;
  }

  /** Begins its start; does not wait for anything. */
  spawn(): void {
    mkdirSync(dirname(this.logFile), { recursive: true });
    const log = openSync(this.logFile, 'a');
    this.child = spawn(process.execPath, ['--enable-source-maps', join('dist', 'apps', 'main.js'), this.role], {
      cwd: this.release,
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', ...this.environment },
    });
  }

  /** Lets it drain, as Ctrl-C under npm does: the terminal says it, and npm says it once more. Returns its exit code. */
  async stop(): Promise<number | null> {
    const { child } = this;
    if (!child || this.ended !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    setTimeout(() => child.kill('SIGINT'), 20);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    const [code] = (await exited) as [number | null];
    clearTimeout(timer);
    return code;
  }

  /** Ends it at once, as a power cut would for the process. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || this.ended !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Freezes it: its connections stay open and nothing answers. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }
}
