import { type Logger as PinoLogger, pino } from 'pino';

/** Injection token of the process's logger. */
export const LOGGER = Symbol('logger');
export type Logger = PinoLogger;

/** A JSON logger on standard output for one app; never given secrets, and redacts the usual names all the same. */
export function createLogger(app: string, level: string): Logger {
  return pino({
    name: app,
    level,
    base: { app },
    redact: {
      paths: ['password', 'secret', 'token', 'authorization', '*.password', '*.secret', '*.token', '*.authorization'],
      censor: '***',
    },
  });
}
