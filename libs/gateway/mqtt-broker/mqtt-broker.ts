import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { Aedes, type AuthenticateError, type Client, type ConnectPacket, type Subscription } from 'aedes';
import { canonicalDeviceId } from '#libs/contracts';
import { DeviceLogin, type LoginRefusal } from '../device-login.js';
import { type GatewayConfig, gatewayConfig } from '../gateway.config.js';
import { GatewayMetrics } from '../gateway-metrics.js';
import { mayReceive, readTopic } from '../topics.js';
import { BrokerCommands } from './broker-commands.js';
import { DeviceSession, type SessionClient } from './device-session.js';
import { type GuardedSocket, guardSocket, type ReadGate } from './guarded-socket.js';
import { PacketGuard } from './packet-guard.js';
import { PublishGate } from './publish-gate.js';
import { PublishShortcut } from './publish-shortcut.js';
import { SessionTable } from './session-table.js';

const identifierRejected = 2;
const serverUnavailable = 3;
const badCredentials = 4;
const notAuthorized = 5;
const longestClientId = 64;
const packetsBeforeConnack = 1_000;

const returnCodes: Record<LoginRefusal, number> = {
  credentials_missing: badCredentials,
  unknown_device: badCredentials,
  wrong_secret: badCredentials,
  device_disabled: notAuthorized,
  registry_unavailable: serverUnavailable,
  login_rate_limited: serverUnavailable,
};

/** An aedes client that remembers what its CONNECT said until the login is over. */
interface ConnectingClient extends SessionClient {
  guard?: PacketGuard;
  guarded?: GuardedSocket;
  keepAliveSeconds?: number;
  willTopic?: string;
}

/** The MQTT 3.1 and 3.1.1 broker: aedes behind the guard, with our login, our topics and our durability. */
@Injectable()
export class MqttBroker {
  private aedes: Aedes | undefined;
  /** Subscriptions of persistent sessions that were granted and are to be stored. */
  private readonly granted = new WeakSet<Subscription>();

  constructor(
    @Inject(gatewayConfig.KEY) private readonly config: GatewayConfig,
    @Inject(DeviceLogin) private readonly login: DeviceLogin,
    @Inject(PublishGate) private readonly publishGate: PublishGate,
    @Inject(SessionTable) private readonly sessions: SessionTable,
    @Inject(BrokerCommands) private readonly commands: BrokerCommands,
    @Inject(GatewayMetrics) private readonly metrics: GatewayMetrics,
  ) {}

  async start(): Promise<void> {
    const aedes = await Aedes.createBroker({
      id: 'gateway',
      connectTimeout: this.config.connectTimeoutMs,
      drainTimeout: this.config.drainTimeoutMs,
      maxClientsIdLength: longestClientId,
      queueLimit: packetsBeforeConnack,
      preConnect: (client, packet, done) => done(null, this.noteConnect(client, packet)),
      authenticate: (client, username, password, done) => {
        this.authenticate(client, username, password).then(
          (refusal) => (refusal ? done(refusal, null) : done(null, true)),
          (error: Error) => done(refusalOf(serverUnavailable, error.message), null),
        );
      },
      authorizePublish: this.publishGate.authorizePublish,
      authorizeSubscribe: (client, subscription, done) => done(null, this.allowedSubscription(client, subscription)),
    });
    bypassRouting(aedes);
    lightenConnect(aedes);
    keepGranted(aedes, this.granted);
    aedes.on('client', (client) => this.opened(client));
    aedes.on('clientReady', (client) => this.mayTakeCommands(client));
    aedes.on('subscribe', (_subscriptions, client) => this.mayTakeCommands(client));
    aedes.on('clientError', (_client, error) => this.countProtocolError(error));
    aedes.on('connectionError', (_client, error) => this.countProtocolError(error));
    this.aedes = aedes;
  }

  /** Serves one connection. */
  serve(socket: Socket, gate: ReadGate): void {
    const guard = new PacketGuard(this.config);
    const guarded = guardSocket(socket, guard, gate, (fault) => this.metrics.refused(fault));
    const client: ConnectingClient = (this.aedes as Aedes).handle(socket);
    client.guard = guard;
    client.guarded = guarded;
  }

  /** Closes every connection. */
  async stop(): Promise<void> {
    this.publishGate.close();
    const aedes = this.aedes;
    if (aedes) await new Promise<void>((resolve) => aedes.close(resolve));
  }

  private noteConnect(client: ConnectingClient, packet: ConnectPacket): boolean {
    packet.clientId = canonicalDeviceId(packet.clientId);
    client.willTopic = packet.will?.topic;
    client.keepAliveSeconds = packet.keepalive ?? 0;
    return true;
  }

  /** Resolves with what to refuse the login with, undefined where it is accepted. */
  private async authenticate(
    client: ConnectingClient,
    username: string | undefined,
    password: Buffer | undefined,
  ): Promise<AuthenticateError | undefined> {
    const address = (client.conn as Socket).remoteAddress ?? '';
    const login = await this.login.check(address, username, password?.toString());
    if (login.kind === 'refused') return refusalOf(returnCodes[login.reason], login.reason);
    const { device } = login;
    if (client.id !== device.id) {
      this.metrics.refused('client_id_foreign');
      return refusalOf(identifierRejected, 'client_id_foreign');
    }
    if (client.willTopic !== undefined && readTopic(client.willTopic, device.id).kind !== 'message') {
      this.metrics.refused('will_topic_not_allowed');
      return refusalOf(notAuthorized, 'will_topic_not_allowed');
    }
    // A copy in Node's pool: a digest's own memory is ten times its size, for as long as the connection lasts.
    const secretHash = Buffer.from(
      createHash('sha256')
        .update(password as Buffer)
        .digest(),
    );
    const session = new DeviceSession(device, client, secretHash, this.sessions.unreleased(device.key, client.clean));
    client.session = session;
    const guard = client.guard as PacketGuard;
    guard.place = device;
    guard.released = (messageId) => session.unreleased.delete(messageId);
    (client.guarded as GuardedSocket).shortcut = new PublishShortcut(
      session,
      client.conn as Socket,
      this.publishGate,
      client.keepAliveSeconds ?? 0,
    );
    guard.acknowledged = (messageId) => this.commands.acknowledged(session, messageId);
    return undefined;
  }

  private opened(client: SessionClient): void {
    const { session } = client;
    if (!session) return;
    this.sessions.open(session);
    client.conn.once('close', () => this.sessions.closed(session));
    if (client.conn.destroyed) this.sessions.closed(session);
  }

  private mayTakeCommands({ session }: SessionClient): void {
    if (session) this.commands.offerWaiting(session);
  }

  /** aedes answers 0x80 for a null subscription (3.9.3). */
  private allowedSubscription(client: SessionClient, subscription: Subscription): Subscription | null {
    const { session } = client;
    if (!session || !mayReceive(subscription.topic, session.device.id)) {
      this.metrics.refused('subscription_not_allowed');
      return null;
    }
    if (!session.maySubscribe(subscription.topic, this.config.subscriptionsPerConnection)) {
      this.metrics.refused('too_many_subscriptions');
      return null;
    }
    if (!client.clean) this.granted.add(subscription);
    return subscription;
  }

  private countProtocolError(error: Error & { code?: string; errorCode?: number }): void {
    // A connection reset is no protocol error, and a refused login has been counted with its reason.
    if (error.code !== undefined || error.errorCode !== undefined) return;
    this.metrics.refused(protocolErrors[error.message] ?? 'protocol_error');
  }
}

const protocolErrors: Readonly<Record<string, string>> = {
  'keep alive timeout': 'keep_alive_timeout',
  'drain timeout': 'drain_timeout',
  'connect did not arrive in time': 'connect_timeout',
  'connection closed': 'closed_meanwhile',
  'topic malformed': 'publish_refused',
  'too many refused publishes': 'publish_refused',
};

function refusalOf(returnCode: number, message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode });
}

/**
 * Nobody subscribes to what devices publish, so it is not routed: a quarter of the cost of a message. What the broker
 * itself publishes is. The retain flag of a device's publish has no effect for the same reason.
 */
function bypassRouting(aedes: Aedes): void {
  const route = aedes.publish.bind(aedes) as (...parameters: unknown[]) => void;
  const publish = (packet: unknown, client: unknown, done?: () => void): void => {
    if (done !== undefined && client !== null) done();
    else route(packet, client, done);
  };
  Object.assign(aedes, { publish });
}

/**
 * After each CONNACK aedes streams what its persistence has queued for the client. For a clean session that is nothing,
 * and the `Readable.from` it says so with outlives every young collection: 9 KiB a connection, until a full one.
 */
function lightenConnect(aedes: Aedes): void {
  const { persistence } = aedes as unknown as { persistence: { outgoingStream(client: Client): Readable } };
  const queuedFor = persistence.outgoingStream.bind(persistence);
  persistence.outgoingStream = (client) => (client.clean ? nothing() : queuedFor(client));
}

/**
 * For each filter that it grants to a persistent session aedes stores all that the SUBSCRIBE names, also what it refuses.
 * Only what was granted is stored, and once: else the refused would gather for as long as the session is kept.
 */
function keepGranted(aedes: Aedes, granted: WeakSet<Subscription>): void {
  const { persistence } = aedes as unknown as {
    persistence: { addSubscriptions(client: Client, subscriptions: Subscription[]): Promise<void> };
  };
  const store = persistence.addSubscriptions.bind(persistence);
  persistence.addSubscriptions = (client, subscriptions) =>
    store(
      client,
      subscriptions.filter((subscription) => granted.delete(subscription)),
    );
}

function nothing(): Readable {
  return new Readable({
    objectMode: true,
    read() {
      this.push(null);
    },
  });
}
