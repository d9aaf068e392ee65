import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type Environment, readConfig } from '../config.js';
import { httpConfig } from './http.config.js';
import { jsonLimits } from './json-body.js';

/** The HTTP server of every app. A client's address is the connection's, unless a trusted proxy names another. */
export function createHttpAdapter(environment: Environment): FastifyAdapter {
  const { trustedProxies } = readConfig(httpConfig, environment);
  return new FastifyAdapter({
    bodyLimit: jsonLimits.bytes,
    forceCloseConnections: true,
    trustProxy: trustedProxies ?? false,
  });
}
