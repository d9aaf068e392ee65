import { Inject, Injectable } from '@nestjs/common';
import type { Client, PublishPacket } from 'aedes';
import { v7 } from 'uuid';
import type { RawMessage } from '#libs/contracts';
import { DeviceDirectory, mayConnect } from '#libs/devices';
import { CLOCK, type Clock } from '#libs/runtime';
import { type GatewayConfig, gatewayConfig } from '../gateway.config.js';
import { GatewayMetrics } from '../gateway-metrics.js';
import { RawIntake } from '../raw-intake.js';
import type { Written } from '../raw-writer.js';
import { readTopic } from '../topics.js';
import type { DeviceSession, Route, SessionClient } from './device-session.js';
import type { ShortcutGate } from './publish-shortcut.js';

const shownTopicCharacters = 200;
const noBytes = new Uint8Array(0);

/**
 * What stands between a publish and its acknowledgement: is the topic the device's own, and are the bytes durable.
 * A publish elsewhere is kept as a dead letter and acknowledged: MQTT 3.1.1 has no negative acknowledgement (3.3.5-2),
 * and closing would make the device send it again for ever, with all its good messages behind it.
 */
@Injectable()
export class PublishGate implements ShortcutGate {
  /** Grows with each change of the registry, so that no session acts on what it found before. */
  private epoch = 1;
  private closed = false;

  constructor(
    @Inject(RawIntake) private readonly intake: RawIntake,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(gatewayConfig.KEY) private readonly config: GatewayConfig,
    @Inject(GatewayMetrics) private readonly metrics: GatewayMetrics,
  ) {}

  /** Forgets every route: the registry has changed. */
  registryChanged(): void {
    this.epoch++;
  }

  /** From now on nothing is taken: the wills of connections that we close ourselves are not sent. */
  close(): void {
    this.closed = true;
  }

  now(): number {
    return this.clock.now();
  }

  knownRoute(session: DeviceSession, topic: string): Route | undefined {
    return session.open && session.epoch === this.epoch && !this.closed ? session.route(topic) : undefined;
  }

  writeAll(session: DeviceSession, messages: readonly RawMessage[], device: Route['device'], written: Written): void {
    this.intake.writer.writeAll(messages, device, 1, session.inOrder(written));
  }

  /** aedes' `authorizePublish`: the acknowledgement is sent when `done` is called without an error. */
  readonly authorizePublish = (client: Client | null, packet: PublishPacket, done: Written): void => {
    const session = (client as SessionClient | null)?.session;
    if (!session || this.closed) {
      this.metrics.refused('will_without_session');
      done(new Error('nobody to publish for'));
      return;
    }
    if (session.epoch !== this.epoch)
      session.renew(this.directory.byKey(session.device.key) ?? session.device, this.epoch);
    const route = session.route(packet.topic);
    if (route) this.write(session, route, packet, done);
    else this.writeFirst(session, packet, done);
  };

  private write(session: DeviceSession, { device, kind, name }: Route, packet: PublishPacket, done: Written): void {
    const message: RawMessage = {
      kind,
      tenantKey: device.tenantKey,
      deviceKey: device.key,
      productKey: device.productKey,
      receivedAt: this.clock.now(),
      name,
      payload: packet.payload as Buffer,
    };
    const { qos, messageId } = packet;
    // A will has no message id, and comes once.
    if (qos === 2 && messageId !== undefined) this.writeOnce(session, message, device, messageId, done);
    else this.intake.writer.write(message, device, qos, session.inOrder(done));
  }

  /** A repeat of a QoS 2 publish waits its turn for its PUBREC and writes nothing. */
  private writeOnce(
    session: DeviceSession,
    message: RawMessage,
    place: Route['device'],
    messageId: number,
    done: Written,
  ): void {
    if (session.unreleased.has(messageId)) {
      this.intake.writer.queueBehind(place, session.inOrder(done));
      return;
    }
    session.unreleased.add(messageId);
    const written = session.inOrder((error) => {
      if (error) session.unreleased.delete(messageId);
      done(error);
    });
    this.intake.writer.write(message, place, 2, written);
  }

  /** The first publish on a topic in this epoch. */
  private writeFirst(session: DeviceSession, packet: PublishPacket, done: Written): void {
    const meaning = readTopic(packet.topic, session.device.id);
    if (meaning.kind === 'malformed') {
      this.metrics.refused('topic_malformed');
      done(new Error('topic malformed'));
      return;
    }
    const device = meaning.kind === 'foreign' ? undefined : this.deviceOf(session, meaning.child);
    if (!device || meaning.kind === 'foreign') this.refuse(session, packet, done);
    else {
      const route: Route = { device, kind: meaning.messageKind, name: meaning.name };
      // A reply's topic is its command's, and comes once.
      if (route.kind !== 'reply') session.remember(packet.topic, route);
      this.write(session, route, packet, done);
    }
  }

  private deviceOf(session: DeviceSession, childId: string | undefined): Route['device'] | undefined {
    if (childId === undefined) return session.device;
    const child = this.directory.byId(childId);
    return child && child.parentKey === session.device.key && mayConnect(child.status) ? child : undefined;
  }

  private refuse(session: DeviceSession, packet: PublishPacket, done: Written): void {
    const reason = 'topic_not_allowed';
    this.metrics.refused(reason);
    if (!session.mayRefuse(this.clock.now(), this.config.refusalsPerConnection)) {
      this.metrics.refused('too_many_refusals');
      done(new Error('too many refused publishes'));
      return;
    }
    this.metrics.discarded(reason);
    const topic = JSON.stringify(packet.topic.slice(0, shownTopicCharacters));
    this.intake.writer.refuse(
      {
        id: v7(),
        stage: 'gateway',
        stream: '',
        reason,
        detail: `${session.device.id} may not publish on ${topic}`,
        tenantKey: session.device.tenantKey,
        deviceKey: session.device.key,
        messageId: '',
        at: this.clock.now(),
        original: (packet.payload as Buffer | undefined) ?? noBytes,
      },
      session.device,
      session.inOrder(done),
    );
  }
}
