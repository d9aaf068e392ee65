import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import {
  type Browser,
  type BrowserContext,
  type ConsoleMessage,
  chromium,
  type Page,
  type Request,
} from 'playwright-core';
import { browserOffer } from '#libs/runtime/testing';

/** Nothing of the browser's own goes out, and WebGL is drawn without a graphics card. */
const flags = [
  '--no-sandbox',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const patienceMs = 15_000;

/** How a page is opened. */
export interface PageOptions {
  language: Language;
  width?: number;
  height?: number;
  colorScheme?: 'light' | 'dark';
}

export type Language = 'zh-CN' | 'en';

/** A real Chromium, headless. Close it. */
export async function launchBrowser(): Promise<ConsoleBrowser> {
  const { path } = browserOffer();
  return new ConsoleBrowser(await chromium.launch({ executablePath: path, headless: true, args: flags }));
}

/** A browser whose pages remember what went wrong in them. */
export class ConsoleBrowser {
  constructor(private readonly browser: Browser) {}

  /** A window of its own: no session, no settings of another. */
  async open(url: string, options: PageOptions): Promise<ConsoleWindow> {
    const { language, width = 1440, height = 900, colorScheme = 'light' } = options;
    const context = await this.browser.newContext({
      baseURL: url,
      locale: language,
      timezoneId: 'Asia/Shanghai',
      viewport: { width, height },
      colorScheme,
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(patienceMs);
    return new ConsoleWindow(context, await context.newPage(), url);
  }

  /** A picture as WebP, `scale` times as wide and high. */
  async asWebp(png: Buffer, scale: number, quality: number): Promise<Buffer> {
    const page = await this.browser.newPage();
    try {
      const url = await page.evaluate<string>(`(async () => {
        const image = await createImageBitmap(await (await fetch('data:image/png;base64,${png.toString('base64')}')).blob());
        const canvas = document.createElement('canvas');
        canvas.width = Math.round(image.width * ${scale});
        canvas.height = Math.round(image.height * ${scale});
        const context = canvas.getContext('2d');
        context.imageSmoothingQuality = 'high';
        context.drawImage(image, 0, 0, canvas.width, canvas.height);
        return canvas.toDataURL('image/webp', ${quality});
      })()`);
      return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
    } finally {
      await page.close();
    }
  }

  async close(): Promise<void> {
    await this.browser.close();
  }
}

/** One window of the console, and everything that a person at its developer tools would have seen go wrong. */
export class ConsoleWindow {
  /** Messages of level error, exceptions, requests that failed or were refused, and requests to anywhere else. */
  readonly faults: string[] = [];
  /** Names of the scripts that were loaded, in dist/console/assets. */
  readonly scripts: string[] = [];
  private axeLoadedIn = '';

  constructor(
    private readonly context: BrowserContext,
    readonly page: Page,
    private readonly url: string,
  ) {
    page.on('console', (message: ConsoleMessage) => {
      if (message.type() === 'error') this.faults.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error: Error) => this.faults.push(`exception: ${error.stack ?? error.message}`));
    page.on('request', (request: Request) => {
      const address = request.url();
      if (!address.startsWith(this.url) && !/^(?:data|blob):/.test(address)) this.faults.push(`left for ${address}`);
    });
    page.on('requestfailed', (request: Request) => {
      const reason = request.failure()?.errorText ?? 'failed';
      // A page that is left ends its own streams and what it no longer waits for.
      if (reason !== 'net::ERR_ABORTED') this.faults.push(`${request.method()} ${request.url()}: ${reason}`);
    });
    page.on('response', (response) => {
      const request = response.request();
      if (request.resourceType() === 'script') this.scripts.push(basename(new URL(response.url()).pathname));
      if (response.status() >= 400) this.faults.push(`${request.method()} ${response.url()}: ${response.status()}`);
    });
  }

  /** Logs in through the form, and changes a password that is only for the first time. */
  async logIn(login: string, password: string, nextPassword?: string): Promise<void> {
    const { page } = this;
    await page.goto('/');
    await page.locator('input[autocomplete="username"]').fill(login);
    await page.locator('input[autocomplete="current-password"]').fill(password);
    await page.keyboard.press('Enter');
    if (nextPassword !== undefined) {
      const fields = page.locator('input[autocomplete="new-password"]');
      await fields.first().waitFor();
      for (const field of await fields.all()) await field.fill(nextPassword);
      const current = page.locator('input[autocomplete="current-password"]');
      if ((await current.count()) > 0 && (await current.first().inputValue()) === '')
        await current.first().fill(password);
      await page.keyboard.press('Enter');
    }
    await page.waitForURL(({ pathname }) => !/^\/(?:log-in|password)/.test(pathname));
    await this.settle();
  }

  /** Goes to a page of the console as a link would, and waits until it has loaded what it shows. */
  async visit(path: string): Promise<void> {
    await this.page.goto(path);
    await this.settle();
  }

  /** Waits until nothing on the page says any more that it is loading. */
  async settle(): Promise<void> {
    await this.page.locator('main > *').first().waitFor();
    await this.page.locator('[aria-busy="true"], .el-skeleton').first().waitFor({ state: 'detached' });
  }

  /** What axe finds that is serious or critical, one line each: the rule, what it asks for, and where; of `rules` alone where given. */
  async seriousFaults(rules?: readonly string[]): Promise<string[]> {
    const session = await this.context.newCDPSession(this.page);
    try {
      if (this.axeLoadedIn !== this.page.url()) {
        // By the debugger, since the console's own policy lets no such script in.
        await session.send('Runtime.evaluate', { expression: axeSource() });
        this.axeLoadedIn = this.page.url();
      }
      const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
        expression: `axe.run(document, ${JSON.stringify({
          resultTypes: ['violations'],
          ...(rules ? { runOnly: rules } : {}),
        })}).then(({ violations }) => violations)`,
        awaitPromise: true,
        returnByValue: true,
      });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return (result.value as AxeViolation[])
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
    } finally {
      await session.detach();
    }
  }

  /** Switches between light and dark as the system does, and waits until the page is drawn so. */
  async shade(colorScheme: 'light' | 'dark'): Promise<void> {
    // What the pointer happens to rest on would be judged as hovered.
    await this.page.mouse.move(0, 0);
    await this.page.emulateMedia({ colorScheme });
    const shaded = colorScheme === 'dark' ? 'html.dark' : 'html:not(.dark)';
    await this.page.locator(shaded).waitFor({ state: 'attached' });
    await this.page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
  }

  /** Shows the page as on a phone held upright and tells by how many pixels it is too wide for it. */
  async overhangOnPhone(): Promise<number> {
    const usual = this.page.viewportSize();
    await this.page.setViewportSize({ width: 390, height: 844 });
    const overhang = await this.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    if (usual) await this.page.setViewportSize(usual);
    return overhang;
  }

  /** Bytes of the scripts that were loaded so far, compressed by gzip as the build left them. */
  scriptBytes(): number {
    return this.scripts
      .map((name) => join('dist', 'console', 'assets', name))
      .map((file) => statSync(existsSync(`${file}.gz`) ? `${file}.gz` : file).size)
      .reduce((sum, size) => sum + size, 0);
  }

  /** Bytes of JavaScript objects that are in use, after a collection. */
  async heapBytes(): Promise<number> {
    const session = await this.context.newCDPSession(this.page);
    try {
      await session.send('HeapProfiler.collectGarbage');
      const { usedSize } = await session.send('Runtime.getHeapUsage');
      return usedSize;
    } finally {
      await session.detach();
    }
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}

interface AxeViolation {
  id: string;
  impact: string | null;
  help: string;
  nodes: { html: string }[];
}

let axe: string | undefined;

function axeSource(): string {
  axe ??= readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  return axe;
}
