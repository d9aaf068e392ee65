import type { AddressInfo } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { canonicalDeviceId, type RawKind } from '#libs/contracts';
import type { KnownDevice } from '#libs/devices';
import { asProblem, CLOCK, type Clock, LOGGER, type Logger, PlatformError } from '#libs/runtime';
import { DeviceLogin, type LoginRefusal } from '../device-login.js';
import { type GatewayConfig, gatewayConfig } from '../gateway.config.js';
import { RawIntake } from '../raw-intake.js';
import { isEventName, isPort } from '../topics.js';
import { readCredentials } from './credentials.js';

const millisecondsPerSecond = 1_000;
const requestTimeoutMs = 30_000;
const busyRetryAfterSeconds = '5';

type IngestRequest = FastifyRequest<{ Params: { id: string; name?: string }; Body: Buffer | undefined }>;

/** Devices post here what they would publish over MQTT: one path, one writer, 202 only once it is durable. */
@Injectable()
export class IngestServer {
  private server: FastifyInstance | undefined;

  constructor(
    @Inject(gatewayConfig.KEY) private readonly config: GatewayConfig,
    @Inject(DeviceLogin) private readonly login: DeviceLogin,
    @Inject(RawIntake) private readonly intake: RawIntake,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Starts to listen; resolves with the port. */
  async start(): Promise<number> {
    const server = fastify({
      bodyLimit: this.config.maxMessageBytes,
      forceCloseConnections: 'idle',
      requestTimeout: requestTimeoutMs,
      connectionTimeout: requestTimeoutMs,
      routerOptions: { maxParamLength: 200 },
    });
    server.removeAllContentTypeParsers();
    server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    server.setErrorHandler((error, request, reply) => this.answerProblem(error, request, reply));
    server.setNotFoundHandler((request, reply) => {
      this.answerProblem(
        new PlatformError(404, 'not_found', 'Devices post to /devices/{id}/telemetry, /up or /events/{event}.'),
        request,
        reply,
      );
    });
    this.route(server, '/devices/:id/telemetry', 'telemetry', () => true);
    this.route(server, '/devices/:id/up', 'up', () => true);
    this.route(server, '/devices/:id/up/:name', 'up', isPort);
    this.route(server, '/devices/:id/events/:name', 'event', isEventName);
    this.server = server;
    await server.listen({ port: this.config.ingestPort, host: this.config.host });
    return (server.server.address() as AddressInfo).port;
  }

  /** Accepts no more requests; those under way are answered. */
  async stop(): Promise<void> {
    await this.server?.close();
  }

  private route(
    server: FastifyInstance,
    url: string,
    kind: RawKind,
    nameFits: (name: string | undefined) => boolean,
  ): void {
    const devices = new WeakMap<object, KnownDevice>();
    server.post<{ Params: { id: string; name?: string }; Body: Buffer | undefined }>(
      url,
      {
        // Before the body is read: nobody unknown makes us buffer anything.
        onRequest: async (request) => {
          if (!nameFits(request.params.name)) throw new PlatformError(404, 'not_found', 'No such event or port name.');
          devices.set(request, await this.authenticate(request));
        },
      },
      async (request, reply) => {
        await this.accept(devices.get(request) as KnownDevice, kind, request);
        return reply.status(202).send({ receivedAt: new Date(this.clock.now()).toISOString() });
      },
    );
  }

  private async authenticate(request: FastifyRequest<{ Params: { id: string } }>): Promise<KnownDevice> {
    const credentials = readCredentials(request.headers.authorization);
    const { id } = request.params;
    if (credentials?.id !== undefined && canonicalDeviceId(credentials.id) !== canonicalDeviceId(id)) {
      throw new PlatformError(403, 'device_foreign', 'The credentials are those of another device.');
    }
    const login = await this.login.check(request.ip, id, credentials?.secret);
    if (login.kind === 'accepted') return login.device;
    throw problemOf(login.reason, login.retryAfterMs);
  }

  /** Resolves once the message is durable. */
  private async accept(device: KnownDevice, kind: RawKind, request: IngestRequest): Promise<void> {
    const { body, params } = request;
    if (!body || body.length === 0) throw new PlatformError(400, 'body_empty', 'The message is the body; it is empty.');
    const { writer } = this.intake;
    if (writer.isFull(device)) throw unavailable();
    const { key: deviceKey, tenantKey, productKey } = device;
    await new Promise<void>((resolve, reject) => {
      writer.write(
        {
          kind,
          tenantKey,
          deviceKey,
          productKey,
          receivedAt: this.clock.now(),
          name: params.name ?? '',
          payload: body,
        },
        device,
        1,
        (error) => (error ? reject(unavailable()) : resolve()),
      );
    });
  }

  private answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const problem = asProblem(error);
    if (problem.status >= 500 && problem.status !== 503) this.logger.error({ err: error }, 'ingest request failed');
    void reply
      .status(problem.status)
      .headers(problem.headers)
      .type('application/problem+json')
      .send({
        type: 'about:blank',
        title: problem.code.replaceAll('_', ' '),
        status: problem.status,
        code: problem.code,
        detail: problem.detail,
        instance: request.url.split('?')[0],
      });
  }
}

function unavailable(): PlatformError {
  const detail = 'Messages cannot be made durable at this moment; send it again.';
  return new PlatformError(503, 'not_durable', detail, {}, { 'retry-after': busyRetryAfterSeconds });
}

/** An unknown device and a wrong secret are not told apart. */
function problemOf(reason: LoginRefusal, retryAfterMs: number): PlatformError {
  if (reason === 'device_disabled') return new PlatformError(403, 'device_disabled', 'The device may not send.');
  if (reason === 'login_rate_limited') {
    const seconds = String(Math.ceil(retryAfterMs / millisecondsPerSecond));
    return new PlatformError(429, 'too_many_requests', 'Too many failed logins.', {}, { 'retry-after': seconds });
  }
  if (reason === 'registry_unavailable') {
    const detail = 'The platform does not know the device, and cannot look it up at this moment; send it again.';
    return new PlatformError(503, reason, detail, {}, { 'retry-after': busyRetryAfterSeconds });
  }
  const detail = 'Send the secret of the device: "Authorization: Bearer <secret>", or Basic with its id.';
  return new PlatformError(401, 'unauthenticated', detail, {}, { 'www-authenticate': 'Bearer' });
}
