import { connect, type Socket } from 'node:net';

/** Bytes of an MQTT string: length, then UTF-8. */
export function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  const size = Buffer.alloc(2);
  size.writeUInt16BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

/** A packet of any first byte and body. */
export function packet(first: number, ...parts: (Uint8Array | number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length: number[] = [];
  let left = body.length;
  do {
    const byte = left % 128;
    left = Math.floor(left / 128);
    length.push(left > 0 ? byte | 0x80 : byte);
  } while (left > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

/** What a CONNECT says; defaults make a good one of MQTT 3.1.1. */
export interface ConnectFields {
  id: string;
  secret: string;
  clientId?: string;
  flags?: number;
  name?: string;
  level?: number;
  keepAlive?: number;
  will?: { topic: string; payload: string };
}

export function connectPacket(fields: ConnectFields): Buffer {
  const { id, secret, clientId = id, name = 'MQTT', level = 4, keepAlive = 60, will } = fields;
  const flags = fields.flags ?? (will ? 0xc6 : 0xc2);
  return packet(
    0x10,
    text(name),
    [level, flags, keepAlive >> 8, keepAlive & 255],
    text(clientId),
    ...(will ? [text(will.topic), text(will.payload)] : []),
    ...(flags & 0x80 ? [text(id)] : []),
    ...(flags & 0x40 ? [text(secret)] : []),
  );
}

/** A PUBLISH; a message id belongs to QoS 1 and 2. */
export function publishPacket(
  topic: string | Uint8Array,
  payload: string | Uint8Array,
  qos = 1,
  messageId = 1,
  flags = 0,
) {
  const id = qos > 0 ? [messageId >> 8, messageId & 255] : [];
  return packet(0x30 | (qos << 1) | flags, text(topic), id, Buffer.from(payload as string));
}

export function subscribePacket(filters: readonly string[], qos = 1, messageId = 1): Buffer {
  return packet(0x82, [messageId >> 8, messageId & 255], ...filters.flatMap((filter) => [text(filter), [qos]]));
}

/** A device on a bare socket, for what no client library would send. */
export class RawDevice {
  closed = false;
  private received = Buffer.alloc(0);
  private readonly waiters = new Set<() => void>();

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
    socket.on('error', () => undefined);
  }

  static open(port: number): Promise<RawDevice> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawDevice(socket)));
    });
  }

  /** Connects and logs in; the CONNACK's return code is checked. */
  static async login(port: number, fields: ConnectFields): Promise<RawDevice> {
    const device = await RawDevice.open(port);
    device.send(connectPacket(fields));
    const connack = await device.read(4);
    if (connack[3] !== 0) throw new Error(`refused with ${connack[3]}`);
    return device;
  }

  send(...packets: Uint8Array[]): void {
    this.socket.write(Buffer.concat(packets));
  }

  /** The next `bytes` bytes; rejects where the connection ends first. */
  async read(bytes: number): Promise<Buffer> {
    await this.until(() => this.received.length >= bytes || this.closed);
    if (this.received.length < bytes) throw new Error(`closed after ${this.received.toString('hex')}`);
    const found = this.received.subarray(0, bytes);
    this.received = this.received.subarray(bytes);
    return found;
  }

  /** Resolves when the connection has ended, with what was left unread. */
  async ended(): Promise<Buffer> {
    await this.until(() => this.closed);
    return this.received;
  }

  close(): void {
    this.socket.destroy();
  }

  private async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiters.add(resolve));
  }

  private wake(): void {
    for (const waiter of this.waiters) waiter();
    this.waiters.clear();
  }
}

/** Resolves when `condition` holds; rejects after `timeoutMs`. */
export async function eventually(condition: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
