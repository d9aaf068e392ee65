import type { RunningRegistry } from './embedded/start-embedded.js';

/** The embedded engine of this process, where REGISTRY_KIND is embedded. */
export class EmbeddedRegistry {
  private running: RunningRegistry | undefined;

  /**
   * Where other threads of this process find the registry: they run with REGISTRY_KIND=postgresql and REGISTRY_URL set
   * to this. Undefined until the engine runs, and on a PostgreSQL server.
   */
  get url(): string | undefined {
    return this.running?.url;
  }

  /** Opens the registry in `directory`; gives its URL. The driver is loaded only here. */
  async start(directory: string): Promise<string> {
    const { startEmbeddedRegistry } = await import('./embedded/start-embedded.js');
    this.running = await startEmbeddedRegistry(directory);
    return this.running.url;
  }

  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }
}
