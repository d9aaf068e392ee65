const repeatEveryMs = 5_000;

/** What a person sees on standard error: lines that stay, and one live line below them. Silent where told. */
export class Screen {
  private shownAt = Number.NEGATIVE_INFINITY;
  private live = false;

  constructor(private readonly silent: boolean) {}

  /** The live line: rewritten in place on a terminal, else repeated every few seconds. */
  show(text: string): void {
    if (this.silent) return;
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\u001b[K${text}`);
      this.live = true;
      return;
    }
    if (performance.now() - this.shownAt < repeatEveryMs) return;
    this.shownAt = performance.now();
    process.stderr.write(`${text}\n`);
  }

  /** A line that stays. */
  note(text: string): void {
    if (this.silent) return;
    process.stderr.write(`${this.live ? '\r\u001b[K' : ''}${text}\n`);
    this.live = false;
  }
}
