import {
  type DestinationStream,
  type LoggerOptions,
  type Logger as PinoLogger,
  pino,
  type SerializedError,
  stdSerializers,
} from 'pino';
import { failedQueries, withoutValues } from './failed-query.js';

/** Injection token of the process's logger. */
export const LOGGER = Symbol('logger');
export type Logger = PinoLogger;

/**
 * A JSON logger for one app, on standard output unless told otherwise; never given secrets, and redacts the usual names all
 * the same. Of a statement that failed it tells all but the values.
 */
export function createLogger(app: string, level: string, output?: DestinationStream): Logger {
  const options: LoggerOptions = {
    name: app,
    level,
    base: { app },
    serializers: { err: serializeError },
    redact: {
      paths: ['password', 'secret', 'token', 'authorization', '*.password', '*.secret', '*.token', '*.authorization'],
      censor: '***',
    },
  };
  return output ? pino(options, output) : pino(options);
}

function serializeError(error: Error): SerializedError {
  const told = stdSerializers.err(error);
  const queries = failedQueries(error);
  if (queries.length === 0) return told;
  told.message = withoutValues(told.message, queries);
  told.stack = withoutValues(told.stack, queries);
  delete told.params;
  return told;
}
