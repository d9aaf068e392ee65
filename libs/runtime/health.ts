import { failureText } from './failed-query.js';

/** Injection token of the process's health. */
export const HEALTH = Symbol('health');

export interface HealthState {
  ready: boolean;
  checks: Record<string, { ok: boolean; detail?: string }>;
}

/** What this process must have before it can do its work. A check answers undefined when well, else what is wrong. */
export class Health {
  private readonly checks = new Map<string, () => Promise<string | undefined> | string | undefined>();

  add(name: string, check: () => Promise<string | undefined> | string | undefined): void {
    this.checks.set(name, check);
  }

  /** Runs every check, each bounded to `timeoutMs`. */
  async state(timeoutMs = 2_000): Promise<HealthState> {
    const checks: HealthState['checks'] = {};
    await Promise.all(
      [...this.checks].map(async ([name, check]) => {
        const problem = await Promise.race([
          Promise.resolve().then(check).catch(failureText),
          new Promise<string>((resolve) => {
            setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs).unref();
          }),
        ]);
        checks[name] = problem === undefined ? { ok: true } : { ok: false, detail: problem };
      }),
    );
    return { ready: Object.values(checks).every((check) => check.ok), checks };
  }
}
