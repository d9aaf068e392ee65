import { Inject, Injectable } from '@nestjs/common';
import { v7 } from 'uuid';
import type { RawKind } from '#libs/contracts';
import { DeviceDirectory, type KnownDevice, mayConnect } from '#libs/devices';
import { CLOCK, type Clock } from '#libs/runtime';
import { type GatewayConfig, gatewayConfig } from '../gateway.config.js';
import { GatewayMetrics } from '../gateway-metrics.js';
import type { Place } from '../raw-entries.js';
import { RawIntake } from '../raw-intake.js';
import type { Written } from '../raw-writer.js';
import { readTopic, topicOwner } from '../topics.js';
import { type BridgeConfig, bridgeConfig } from './mqtt-bridge.config.js';

/** A message as the cluster delivers it. */
export interface ClusterMessage {
  topic: string;
  payload: Uint8Array;
  qos: number;
  /** True where it was published before we subscribed. */
  retained: boolean;
}

/** What becomes of a message. */
type Verdict =
  | { kind: 'message'; device: KnownDevice; messageKind: RawKind; name: string }
  /** `device` sent it, where that is known: the letter is then its tenant's to see. */
  | { kind: 'refused'; device: KnownDevice | undefined; reason: RefusalReason };

const refusals = {
  topic_malformed: 'the topic has characters that MQTT forbids',
  topic_not_allowed: 'the topic is none that a device publishes on',
  unknown_device: 'no device has the id in the topic',
  device_disabled: 'the device may not send',
  retained_message: 'it was published before the bridge subscribed',
  message_too_large: 'it is larger than GATEWAY_MAX_MESSAGE_BYTES',
} as const;
type RefusalReason = keyof typeof refusals;

const shownTopicCharacters = 200;
const keptBytes = 4_096;
const windowMs = 60_000;
const nobody: Place = { lane: 'bulk', partition: 0 };

/**
 * Where messages of the cluster go: into `raw` as if the device were connected here, or, where that cannot be, to the
 * dead letters. Both count as taken: what is refused would be refused again, and the cluster would send it for ever.
 */
@Injectable()
export class BridgeIntake {
  private kept = 0;
  private windowEndsAt = 0;

  constructor(
    @Inject(RawIntake) private readonly intake: RawIntake,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(bridgeConfig.KEY) private readonly config: BridgeConfig,
    @Inject(gatewayConfig.KEY) private readonly limits: GatewayConfig,
    @Inject(GatewayMetrics) private readonly metrics: GatewayMetrics,
  ) {}

  /** Takes one message; `written` is called once it is durable, also where that is as a dead letter. */
  take(message: ClusterMessage, written: Written): void {
    const { topicPrefix } = this.config;
    const topic = message.topic.startsWith(topicPrefix) ? message.topic.slice(topicPrefix.length) : '';
    const owner = topicOwner(topic);
    const device = owner === undefined ? undefined : this.directory.byId(owner);
    if (device || owner === undefined) this.takeFrom(device, topic, message, written);
    else {
      // Registered a moment ago, perhaps: the registry is asked, within its bounds.
      this.directory.findById(owner).then(
        (found) => this.takeFrom(found, topic, message, written),
        // Put aside, to be replayed: devices that are known do not wait behind one that cannot be looked up.
        () => this.takeFrom(undefined, topic, message, written),
      );
    }
  }

  private takeFrom(owner: KnownDevice | undefined, topic: string, message: ClusterMessage, written: Written): void {
    const { writer } = this.intake;
    const verdict = this.judge(owner, topic, message);
    const place = verdict.device ?? nobody;
    // Unacknowledged, so the rest stays in the cluster.
    if (writer.isFull(place)) {
      writer.whenRoom(place, () => this.takeFrom(owner, topic, message, written));
      return;
    }
    if (verdict.kind === 'refused') {
      this.refuse(verdict.reason, verdict.device, message, written);
      return;
    }
    const { device, messageKind: kind, name } = verdict;
    const { tenantKey, key: deviceKey, productKey } = device;
    const receivedAt = this.clock.now();
    const { payload, qos } = message;
    writer.write({ kind, tenantKey, deviceKey, productKey, receivedAt, name, payload }, device, qos, written);
  }

  /** `owner` is the device that the topic names, undefined where the platform does not know it. */
  private judge(owner: KnownDevice | undefined, topic: string, { payload, retained }: ClusterMessage): Verdict {
    const refused = (reason: RefusalReason, device = owner): Verdict => ({ kind: 'refused', device, reason });
    const meaning = readTopic(topic, owner?.id ?? topicOwner(topic) ?? '');
    if (meaning.kind === 'malformed') return refused('topic_malformed');
    if (meaning.kind === 'foreign') return refused('topic_not_allowed');
    if (!owner) return refused('unknown_device');
    const device = meaning.child === undefined ? owner : this.childOf(owner, meaning.child);
    if (!device) return refused('topic_not_allowed');
    if (!mayConnect(owner.status) || !mayConnect(device.status)) return refused('device_disabled', device);
    // What it said before we listened: as fresh news it would be a lie, and what was news then has come already.
    if (retained) return refused('retained_message', device);
    if (payload.byteLength > this.limits.maxMessageBytes) return refused('message_too_large', device);
    return { kind: 'message', device, messageKind: meaning.messageKind, name: meaning.name };
  }

  private childOf(parent: KnownDevice, childId: string): KnownDevice | undefined {
    const child = this.directory.byId(childId);
    return child && child.parentKey === parent.key ? child : undefined;
  }

  /** Every refusal is counted; so many a minute are kept, so that a flood of them pushes nobody's letters out. */
  private refuse(
    reason: RefusalReason,
    device: KnownDevice | undefined,
    { topic, payload }: ClusterMessage,
    written: Written,
  ): void {
    this.metrics.refused(reason);
    this.metrics.discarded(reason);
    // Of a retained message every new session is sent a copy.
    if (reason === 'retained_message' || !this.mayKeep()) {
      this.intake.writer.queueBehind(device ?? nobody, written);
      return;
    }
    const shown = JSON.stringify(topic.slice(0, shownTopicCharacters));
    const letter = {
      id: v7(),
      stage: 'gateway',
      stream: '',
      reason,
      detail: `${refusals[reason]}: ${shown}, ${payload.byteLength} bytes`,
      tenantKey: device?.tenantKey ?? '',
      deviceKey: device?.key ?? '',
      messageId: '',
      at: this.clock.now(),
      original: payload.subarray(0, keptBytes),
    };
    this.intake.writer.refuse(letter, device ?? nobody, written);
  }

  private mayKeep(): boolean {
    const now = this.clock.now();
    if (now >= this.windowEndsAt) {
      this.windowEndsAt = now + windowMs;
      this.kept = 0;
    }
    this.kept++;
    return this.kept <= this.config.refusalsPerMinute;
  }
}
