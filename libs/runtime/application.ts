import 'reflect-metadata';
import { setFlagsFromString } from 'node:v8';
import { isMainThread, parentPort } from 'node:worker_threads';
import type { DynamicModule, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { CLOCK, type Clock } from './clock.js';
import { type ConfigDefinition, ConfigError, declaredConfigs, type Environment, readConfig } from './config.js';
import { failedQueries, withoutValues } from './failed-query.js';
import { HEALTH, type Health } from './health.js';
import { FrontDoor } from './http/front-door.js';
import type { OperationsConfig } from './http/http.config.js';
import { createHttpAdapter } from './http/http-adapter.js';
import { LIFECYCLE, type Lifecycle, startOrder } from './lifecycle.js';
import { createLogger, LOGGER, type Logger } from './logger.js';
import { METRICS, type Metrics } from './metrics.js';
import { runtimeConfig } from './runtime.config.js';
import { type Announcement, serveThread } from './thread.js';

const requestGraceMs = 5_000;

/** What an app's `main.ts` says of itself. */
export interface AppOptions {
  name: string;
  /** The app's module, given the environment it runs in. */
  module: (environment: Environment) => Type | DynamicModule;
  /** Injection token of the transport that feeds the stages, where the app has any. */
  strategy?: Type<CustomTransportStrategy>;
  /** Sets up the HTTP server before its routes are registered; apps without HTTP leave it out. */
  configure?: (app: NestFastifyApplication) => Promise<void>;
  /** Starts listening; called before everything else, so that health tells what the process waits for. */
  listen?: (app: NestFastifyApplication) => Promise<void>;
  /** Instead of `listen`: where a process without an API serves health and metrics. A thread serves neither. */
  operations?: ConfigDefinition<OperationsConfig>;
  /** What the app tells its owner when it runs as a thread. */
  announce?: (app: NestFastifyApplication) => Announcement;
  /** True for the one process that may own embedded engines. */
  embedded?: boolean;
  /** Called once everything runs. */
  started?: (app: NestFastifyApplication) => Promise<void> | void;
}

/**
 * Runs an app as a process, or as a thread of all-in-one: starts in order, drains in reverse on SIGINT, SIGTERM or the
 * owner's word, and exits 0. A setting that cannot be used, or a start that fails, ends it with 1 and the reason.
 */
export async function runApp(options: AppOptions): Promise<void> {
  // For the threads yet to come: what lives for one batch dies young. With V8's 16 MiB much of it is promoted first.
  if (isMainThread) setFlagsFromString('--max-semi-space-size=64');
  const environment: Environment = process.env;
  try {
    if (process.argv.includes('--help')) return printSettings(options.name);
    checkSettings(options, environment);
    const app = await createApp(options, environment);
    if (isMainThread) stopOnSignal(app);
    await startApp(app, options);
    if (!isMainThread) serveThread(threadOf(app, options.announce?.(app) ?? {}));
  } catch (error) {
    fail(options.name, error);
  }
}

/** Builds an app; nothing of it runs yet. */
async function createApp(options: AppOptions, environment: Environment): Promise<NestFastifyApplication> {
  const logger = createLogger(options.name, readConfig(runtimeConfig, environment).logLevel);
  const app = await NestFactory.create<NestFastifyApplication>(
    options.module(environment),
    createHttpAdapter(environment),
    { logger: nestLogger(logger), abortOnError: false, bodyParser: false },
  );
  const lifecycle = app.get<Lifecycle>(LIFECYCLE);
  if (options.strategy) {
    const strategy = app.get<CustomTransportStrategy>(options.strategy, { strict: false });
    app.connectMicroservice({ strategy }, { inheritAppConfig: false });
    lifecycle.add({
      name: 'stages',
      order: startOrder.stages,
      start: async () => {
        await app.startAllMicroservices();
      },
      stop: async () => {
        await strategy.close();
      },
    });
  }
  const listen = listenerOf(options, environment);
  if (listen) {
    const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
    const door = new FrontDoor(server, app.get<Clock>(CLOCK), () => lifecycle.problem);
    lifecycle.add({ name: 'http', order: startOrder.http, start: () => listen(app), stop: () => app.close() });
    lifecycle.add({
      name: 'requests',
      order: startOrder.api,
      start: async () => door.open(),
      stop: () => door.close(requestGraceMs),
    });
  }
  await options.configure?.(app);
  return app;
}

function listenerOf({ listen, operations }: AppOptions, environment: Environment): AppOptions['listen'] {
  if (!operations || !isMainThread) return listen;
  const { port, host } = readConfig(operations, environment);
  return async (app) => {
    await app.listen(port, host);
  };
}

async function startApp(app: NestFastifyApplication, options: AppOptions): Promise<void> {
  await app.init();
  const lifecycle = app.get<Lifecycle>(LIFECYCLE);
  await lifecycle.start();
  // Told to stop meanwhile, it never ran.
  if (lifecycle.problem === undefined) await options.started?.(app);
}

/** Drains an app, started or still starting. */
async function stopApp(app: NestFastifyApplication): Promise<void> {
  await app.get<Lifecycle>(LIFECYCLE).stop();
  await app.close();
}

function threadOf(app: NestFastifyApplication, announcement: Announcement) {
  return {
    announcement,
    port: parentPort,
    stop: () => stopApp(app),
    metrics: () => app.get<Metrics>(METRICS).own(),
    health: () => app.get<Health>(HEALTH).state(),
  };
}

/** Refuses an engine that only one process can own in an app that is not that process. */
function checkSettings(options: AppOptions, environment: Environment): void {
  const problems: string[] = [];
  for (const definition of declaredConfigs()) {
    let values: Readonly<Record<string, unknown>>;
    try {
      values = readConfig(definition, environment);
    } catch (error) {
      problems.push((error as Error).message);
      continue;
    }
    for (const [key, setting] of Object.entries(definition.settings)) {
      if (setting.embedded === undefined || values[key] !== setting.embedded) continue;
      if (options.embedded || !isMainThread) continue;
      problems.push(
        `${setting.env} is "${setting.embedded}", an engine inside one process: run all-in-one, or choose a server for ${options.name}.`,
      );
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
}

/** One Ctrl-C comes twice under npm: from the terminal, and passed on by npm. */
const sameSignalMs = 500;

function stopOnSignal(app: NestFastifyApplication): void {
  const logger = app.get<Logger>(LOGGER);
  let state: 'running' | 'stopping' | 'stopping, and told once' = 'running';
  const stop = (signal: string) => {
    if (state === 'stopping, and told once') process.exit(1);
    if (state === 'stopping') return;
    state = 'stopping';
    // A busy event loop hears late of what came in time: what waits to be heard comes before an immediate.
    setTimeout(() => {
      setImmediate(() => {
        state = 'stopping, and told once';
      });
    }, sameSignalMs).unref();
    logger.info({ signal }, 'draining; once more to stop at once');
    stopApp(app).then(
      () => process.exit(0),
      (error: Error) => {
        logger.fatal({ err: error }, 'could not drain');
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.fatal({ err: error }, `${event}: stopping, nothing acknowledged is lost`);
      process.exit(1);
    });
  }
}

function fail(name: string, error: unknown): void {
  const known = error instanceof ConfigError || (error as { code?: unknown }).code !== undefined;
  const text = known ? (error as Error).message : ((error as Error).stack ?? String(error));
  process.stderr.write(`${name} cannot start:\n${withoutValues(text, failedQueries(error))}\n`);
  process.exit(1);
}

/** Prints every setting of the modules loaded, as `--help` shows them. */
export function printSettings(name: string): void {
  const lines = [`${name}: settings, all from the environment`, ''];
  for (const definition of declaredConfigs()) {
    lines.push(`${definition.name}`);
    for (const setting of Object.values(definition.settings)) {
      const byDefault: unknown = setting.schema.safeParse(undefined).data;
      // Names with values are none where nothing is said.
      const isShown = Array.isArray(byDefault) || !['undefined', 'object'].includes(typeof byDefault);
      lines.push(`  ${setting.env}${isShown ? `=${byDefault}` : ''}`, `      ${setting.doc}`);
    }
    lines.push('');
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function nestLogger(logger: Logger): LoggerService {
  return {
    log: (message: unknown, context?: string) => logger.debug({ context }, String(message)),
    error: (message: unknown, stack?: string, context?: string) => logger.error({ context, stack }, String(message)),
    warn: (message: unknown, context?: string) => logger.warn({ context }, String(message)),
    debug: (message: unknown, context?: string) => logger.debug({ context }, String(message)),
    verbose: (message: unknown, context?: string) => logger.trace({ context }, String(message)),
  };
}
