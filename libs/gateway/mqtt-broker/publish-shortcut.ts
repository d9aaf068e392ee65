import type { Socket } from 'node:net';
import type { RawMessage } from '#libs/contracts';
import type { Written } from '../raw-writer.js';
import type { DeviceSession, Route } from './device-session.js';
import { findPlainPublish, type PlainPublish } from './plain-publish.js';

/** What the shortcut asks of the publish gate. */
export interface ShortcutGate {
  now(): number;
  /** The route of a topic, as long as aedes' own publishes would take it unasked; else undefined. */
  knownRoute(session: DeviceSession, topic: string): Route | undefined;
  /** Files messages of one device; `written` is called once all are durable, in the order of the session's publishes. */
  writeAll(session: DeviceSession, messages: readonly RawMessage[], device: Route['device'], written: Written): void;
}

/** Most publishes that are filed and acknowledged together. */
const mostTogether = 64;
const pubackBytes = 4;

/**
 * The hot path of the gateway: QoS 1 publishes on topics that this connection has published on before go past aedes,
 * straight to the raw writer, and their PUBACKs go out together. Everything else, and the first publish on a topic in
 * every state of the registry, is aedes'. Order holds, because both ways end in the one writer, at the moment the bytes
 * are read. As with aedes, nothing more is read from a connection until what was taken from it is acknowledged.
 */
export class PublishShortcut {
  /** Publishes taken and not yet acknowledged. */
  waiting = 0;
  /** Called once when none is waiting any more. */
  whenIdle: (() => void) | undefined;
  private readonly found: PlainPublish = { topicStart: 0, topicEnd: 0, messageId: 0, payloadStart: 0, end: 0 };
  /** aedes ends connections that it hears nothing from, so it is given a packet this often. */
  private readonly tellEveryMs: number;
  private toldAt = 0;

  constructor(
    private readonly session: DeviceSession,
    private readonly socket: Socket,
    private readonly gate: ShortcutGate,
    keepAliveSeconds: number,
  ) {
    this.tellEveryMs = keepAliveSeconds === 0 ? Number.POSITIVE_INFINITY : keepAliveSeconds * 250;
  }

  /** Takes the publishes that `chunk` begins with; it begins with a packet. Returns what is left for aedes, null where nothing is. */
  take(chunk: Buffer): Buffer | null {
    const now = this.gate.now();
    const sinceTold = now - this.toldAt;
    // A device that does not read its acknowledgements is aedes' to wait for, and to end. A clock may have gone back.
    if (this.socket.writableNeedDrain || sinceTold >= this.tellEveryMs || sinceTold < 0) {
      this.toldAt = now;
      return chunk;
    }
    const taken = this.takeRun(chunk, now);
    if (taken === chunk.length) return null;
    this.toldAt = now;
    return taken === 0 ? chunk : chunk.subarray(taken);
  }

  private takeRun(chunk: Buffer, now: number): number {
    const { found } = this;
    let messages: RawMessage[] = [];
    let ids: number[] = [];
    let device: Route['device'] | undefined;
    let at = 0;
    while (at < chunk.length && findPlainPublish(chunk, at, found)) {
      const route = this.gate.knownRoute(this.session, chunk.toString('utf8', found.topicStart, found.topicEnd));
      if (!route) break;
      if (device && (device !== route.device || ids.length === mostTogether)) {
        this.file(messages, ids, device);
        messages = [];
        ids = [];
      }
      device = route.device;
      messages.push({
        kind: route.kind,
        tenantKey: device.tenantKey,
        deviceKey: device.key,
        productKey: device.productKey,
        receivedAt: now,
        name: route.name,
        payload: chunk.subarray(found.payloadStart, found.end),
      });
      ids.push(found.messageId);
      at = found.end;
    }
    if (device) this.file(messages, ids, device);
    return at;
  }

  private file(messages: readonly RawMessage[], ids: readonly number[], device: Route['device']): void {
    this.waiting += ids.length;
    this.gate.writeAll(this.session, messages, device, (error) => {
      this.waiting -= ids.length;
      if (error) this.session.client.emit('error', error);
      else if (this.socket.destroyed) this.session.client.emit('error', new Error('connection closed'));
      else this.socket.write(acknowledgements(ids));
      if (this.waiting > 0) return;
      const { whenIdle } = this;
      this.whenIdle = undefined;
      whenIdle?.();
    });
  }
}

function acknowledgements(ids: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(ids.length * pubackBytes);
  let at = 0;
  for (const id of ids) {
    bytes[at] = 0x40;
    bytes[at + 1] = 2;
    bytes[at + 2] = id >> 8;
    bytes[at + 3] = id & 0xff;
    at += pubackBytes;
  }
  return bytes;
}
