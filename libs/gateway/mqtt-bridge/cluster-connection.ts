import type {
  IClientOptions,
  IClientSubscribeOptions,
  IDisconnectPacket,
  IPublishPacket,
  ISubscriptionGrant,
  MqttClient,
} from 'mqtt';
import { type Clock, type Logger, sleep } from '#libs/runtime';
import type { Written } from '../raw-writer.js';
import type { ClusterMessage } from './bridge-intake.js';
import type { BridgeMetrics } from './bridge-metrics.js';

/** What a connection needs, beside the options of its client. */
export interface ConnectionSurroundings {
  /** mqtt.js' `connect`. */
  connect: (options: IClientOptions) => MqttClient;
  filters: readonly string[];
  /** Makes a message durable, then calls back. */
  take: (message: ClusterMessage, written: Written) => void;
  longestBackOffMs: number;
  clock: Clock;
  logger: Logger;
  metrics: BridgeMetrics;
}

/** A message, and how the connection that it came on is told that it may be acknowledged. */
interface Delivery {
  packet: IPublishPacket;
  /** mqtt.js acknowledges, and goes on to the next message, when this is called without an error. */
  done: (error?: Error) => void;
  /** The socket that it came on. */
  socket: unknown;
}

const firstBackOffMs = 500;
const refusedFrom = 128;
const sessionTakenOver = 142;
const noMatchingSubscribers = 16;
const noRetainedMessages = 2;
const notTaken = new Error('not taken: the cluster will send it again');
const endTimeoutMs = 2_000;
const leavingStepMs = 50;
const leavingQuietMs = 1_000;
const leavingMostMs = 30_000;

/**
 * One connection to the cluster with a session there that outlives it. A message is acknowledged when it is durable,
 * one after the other: mqtt.js reads the next one when the one before is acknowledged, so what we do not take stays in
 * the cluster, but for what one socket and the receive maximum hold.
 */
export class ClusterConnection {
  /** What keeps it from its work, undefined while it is subscribed. */
  problem: string | undefined = 'not connected yet';
  private client: MqttClient | undefined;
  private backOffMs = firstBackOffMs;
  private current: Delivery | undefined;
  private next: Delivery | undefined;
  /** Message ids of publishes that the cluster acknowledged, and had nobody for. */
  private readonly nobody = new Set<number>();
  private stopping = false;
  private left = false;
  private heardAt = 0;

  constructor(
    readonly name: string,
    private readonly options: IClientOptions,
    private readonly surroundings: ConnectionSurroundings,
  ) {}

  /** Begins to connect, and keeps trying. */
  start(): void {
    const client = this.surroundings.connect({ ...this.options, reconnectPeriod: firstBackOffMs });
    this.client = client;
    client.handleMessage = (packet, done) => this.received({ packet, done, socket: client.stream });
    client.on('connect', ({ sessionPresent }) => this.connected(client, sessionPresent));
    client.on('packetreceive', (packet) => {
      // mqtt.js tells the answer of a publish from a failure, and no more.
      if (packet.cmd === 'puback' && packet.reasonCode === noMatchingSubscribers)
        this.nobody.add(packet.messageId ?? 0);
    });
    client.on('disconnect', ({ reasonCode }) => this.fail(disconnectedBecause(reasonCode, this.name)));
    client.on('error', (error) => this.fail(error.message || String((error as { code?: string }).code)));
    client.on('close', () => this.fail(this.problem ?? 'the cluster closed the connection'));
    client.on('reconnect', () => {
      this.backOffMs = Math.min(this.backOffMs * 2, this.surroundings.longestBackOffMs);
      // Not all connections at once, where the cluster has just come back.
      client.options.reconnectPeriod = Math.ceil(this.backOffMs * (0.5 + Math.random() / 2));
    });
  }

  /** Publishes with QoS 1; answers whether the cluster had anybody to give it to, where it says so. */
  async publish(topic: string, payload: Uint8Array, expiresInSeconds: number): Promise<boolean> {
    const { client } = this;
    if (!client || this.problem !== undefined) throw new Error(this.problem ?? 'not connected yet');
    const properties = this.options.protocolVersion === 5 ? { messageExpiryInterval: expiresInSeconds } : undefined;
    const options = { qos: 1, ...(properties && { properties }) } as const;
    const sent = (await client.publishAsync(topic, Buffer.from(payload), options)) as
      | { messageId?: number }
      | undefined;
    return !this.nobody.delete(sent?.messageId ?? 0);
  }

  /** From now on what comes is not taken, and not acknowledged; what has been taken will be. */
  stopAccepting(): void {
    this.stopping = true;
  }

  /** Unsubscribes, and takes what the cluster still had for us. */
  async leave(): Promise<void> {
    const { client, surroundings } = this;
    if (!client || this.problem !== undefined) return;
    const { clock } = surroundings;
    await client.unsubscribeAsync([...surroundings.filters]);
    const until = clock.now() + leavingMostMs;
    this.heardAt = clock.now();
    while (clock.now() < until && (this.current || clock.now() - this.heardAt < leavingQuietMs)) {
      await sleep(clock, leavingStepMs);
    }
    this.left = this.problem === undefined && this.current === undefined;
  }

  /** Lets the connection go; the session stays, unless `leave` has emptied it. */
  async stop(): Promise<void> {
    const { client, left } = this;
    if (!client) return;
    this.stopping = true;
    if (this.problem === undefined) this.surroundings.metrics.connected(-1);
    this.problem = 'stopped';
    await end(client, left ? { properties: { sessionExpiryInterval: 0 } } : {}, this.surroundings.clock);
    // MQTT 3.1.1 ends a session by a clean one only.
    if (left && this.options.protocolVersion !== 5) await this.endSession();
  }

  private connected(client: MqttClient, resumed: boolean): void {
    const { filters, metrics, logger } = this.surroundings;
    const socket = client.stream;
    metrics.session(resumed);
    const done = (error: Error | null, granted: readonly ISubscriptionGrant[] = []) => {
      if (socket !== client.stream || this.stopping) return;
      const refused = granted.find(({ qos }) => qos >= refusedFrom);
      if (error || refused) {
        this.fail(`the cluster refused the subscription to ${refused?.topic ?? filters.join(', ')}: ${error?.message}`);
        socket.destroy();
        return;
      }
      if (this.problem !== undefined) metrics.connected(1);
      this.problem = undefined;
      this.backOffMs = firstBackOffMs;
      client.options.reconnectPeriod = firstBackOffMs;
      logger.info({ connection: this.name, resumed }, 'subscribed at the MQTT cluster');
    };
    // QoS 1: what was published with QoS 2 comes with QoS 1, and readings have an identity.
    client.subscribe([...filters], { qos: 1, rh: noRetainedMessages } as IClientSubscribeOptions, done);
  }

  private received(delivery: Delivery): void {
    this.heardAt = this.surroundings.clock.now();
    if (this.stopping) delivery.done(notTaken);
    // The connection broke and came back while a message waits; of its successors only the last is still wanted.
    else if (this.current) this.next = delivery;
    else this.deliver(delivery);
  }

  private deliver(delivery: Delivery): void {
    const { topic, payload, qos, retain, dup } = delivery.packet;
    this.current = delivery;
    this.surroundings.metrics.received(dup);
    this.surroundings.take({ topic, payload: payload as Buffer, qos, retained: retain }, (error) =>
      this.settled(delivery, error ?? undefined),
    );
  }

  private settled(delivery: Delivery, error: Error | undefined): void {
    this.current = undefined;
    // On another connection the same number may be another message, and that one is not durable.
    const acknowledged = !error && this.isCurrent(delivery);
    const { qos } = delivery.packet;
    this.surroundings.metrics.settled(qos, acknowledged && qos > 0);
    if (acknowledged) delivery.done();
    else delivery.done(error ?? notTaken);
    const { next } = this;
    this.next = undefined;
    if (next && this.isCurrent(next)) this.received(next);
  }

  private isCurrent({ socket }: Delivery): boolean {
    return socket === this.client?.stream && !(socket as { destroyed?: boolean }).destroyed;
  }

  private fail(problem: string): void {
    if (this.stopping) return;
    if (this.problem === undefined) this.surroundings.metrics.connected(-1);
    if (this.problem !== problem) {
      this.surroundings.logger.warn({ connection: this.name, problem }, 'no connection to the MQTT cluster');
    }
    this.problem = problem;
  }

  private async endSession(): Promise<void> {
    const client = this.surroundings.connect({ ...this.options, clean: true, reconnectPeriod: 0 });
    await new Promise<void>((resolve) => {
      for (const event of ['connect', 'error', 'close'] as const) client.once(event, () => resolve());
    });
    await end(client, {}, this.surroundings.clock);
  }
}

/** Says goodbye, so that the last acknowledgements arrive; not for ever. */
async function end(client: MqttClient, packet: Partial<IDisconnectPacket>, clock: Clock): Promise<void> {
  // mqtt.js waits for answers that a lost connection never brings.
  const ended = new AbortController();
  await Promise.race([
    client.endAsync(false, packet).finally(() => ended.abort()),
    sleep(clock, endTimeoutMs, ended.signal),
  ]);
  client.stream.destroy();
}

function disconnectedBecause(reasonCode: number | undefined, name: string): string {
  if (reasonCode !== sessionTakenOver) return `the cluster ended the connection with reason code ${reasonCode}`;
  return `another client took the session "${name}" over: give every gateway a BRIDGE_CLIENT_ID of its own`;
}
