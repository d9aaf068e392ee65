import { connect as connectTcp, type Socket } from 'node:net';

/** One simulated device of the load: its credentials and what it publishes. */
export interface LoadDevice {
  id: string;
  secret: string;
}

/** A closed loop: every connection keeps `window` publishes unacknowledged, and sends the next on each acknowledgement. */
export interface LoadOptions {
  host: string;
  port: number;
  devices: readonly LoadDevice[];
  /** Unacknowledged publishes per connection. */
  window: number;
  qos: 0 | 1;
  /** How long to publish, or how many messages in all, whichever comes first. */
  durationMs: number;
  maxMessages?: number;
  /** Messages a second over all connections; unlimited where undefined. */
  ratePerSecond?: number;
  /** The payload of a device's message number `sequence` (from 1); unique, so that loss and duplicates can be told. */
  payload: (device: LoadDevice, sequence: number) => string;
  /** Default `devices/{id}/telemetry`. */
  topic?: (device: LoadDevice) => string;
  /** Called every second. */
  onProgress?: (progress: LoadProgress) => void;
}

/** How far a load is. */
export interface LoadProgress {
  elapsedMs: number;
  connected: number;
  sent: number;
  acknowledged: number;
}

/** What a load came to. Latencies are publish -> PUBACK in milliseconds. */
export interface LoadResult {
  connections: number;
  connectMs: number;
  elapsedMs: number;
  sent: number;
  acknowledged: number;
  ratePerSecond: number;
  latencyMs: { p50: number; p90: number; p99: number; max: number };
  /** Acknowledgements that came in another order than the publishes. */
  outOfOrder: number;
  /** Connections that ended before the load did. */
  broken: number;
  /** Highest acknowledged sequence per device id: everything up to it must be in the store, once. */
  acknowledgedUpTo: Map<string, number>;
}

const connectsAtATime = 200;
const firstMessageId = 1;
const lastMessageId = 65_535;
const drainMs = 10_000;
const tickMs = 10;

/** Connects all devices, publishes, waits for the last acknowledgements, disconnects. */
export async function runMqttLoad(options: LoadOptions): Promise<LoadResult> {
  const latencies = new LatencyHistogram();
  const started = performance.now();
  const connections = await connectAll(options, latencies);
  const connectMs = performance.now() - started;
  const begin = performance.now();
  const control = new LoadControl(options, connections, begin);
  await control.run();
  const elapsedMs = control.publishedForMs;
  const acknowledged = sum(connections, (c) => c.acknowledged);
  const result: LoadResult = {
    connections: connections.length,
    connectMs,
    elapsedMs,
    sent: sum(connections, (c) => c.sent),
    acknowledged,
    ratePerSecond: (control.acknowledgedInTime * 1_000) / elapsedMs,
    latencyMs: {
      p50: latencies.percentile(50),
      p90: latencies.percentile(90),
      p99: latencies.percentile(99),
      max: latencies.percentile(100),
    },
    outOfOrder: sum(connections, (c) => c.outOfOrder),
    broken: connections.filter((c) => c.broken).length,
    acknowledgedUpTo: new Map(connections.map((c) => [c.device.id, c.acknowledged])),
  };
  for (const connection of connections) connection.end();
  return result;
}

/** Starts, paces and ends a load. */
class LoadControl {
  acknowledgedInTime = 0;
  publishedForMs = 0;

  constructor(
    private readonly options: LoadOptions,
    private readonly connections: readonly LoadConnection[],
    private readonly begin: number,
  ) {}

  async run(): Promise<void> {
    const { durationMs, ratePerSecond, maxMessages } = this.options;
    const perConnection =
      maxMessages === undefined ? Number.POSITIVE_INFINITY : Math.ceil(maxMessages / this.connections.length);
    for (const connection of this.connections) {
      connection.limit = perConnection;
      if (ratePerSecond === undefined) connection.free();
    }
    let granted = 0;
    let reported = 0;
    for (;;) {
      await delay(tickMs);
      const elapsedMs = performance.now() - this.begin;
      if (ratePerSecond !== undefined) granted = this.grant(granted, (elapsedMs * ratePerSecond) / 1_000);
      if (elapsedMs - reported >= 1_000) {
        reported = elapsedMs;
        this.options.onProgress?.(this.progress(elapsedMs));
      }
      const done = this.connections.every((c) => c.broken || c.acknowledged >= perConnection);
      if (elapsedMs < durationMs && !done) continue;
      this.publishedForMs = elapsedMs;
      this.acknowledgedInTime = sum(this.connections, (c) => c.acknowledged);
      break;
    }
    for (const connection of this.connections) connection.stop();
    const deadline = performance.now() + drainMs;
    while (performance.now() < deadline && this.connections.some((c) => !c.broken && c.acknowledged < c.sent)) {
      await delay(tickMs);
    }
  }

  private grant(granted: number, due: number): number {
    let given = granted;
    for (; given < due; given++) this.connections[given % this.connections.length]?.allow(1);
    return given;
  }

  private progress(elapsedMs: number): LoadProgress {
    return {
      elapsedMs,
      connected: this.connections.filter((c) => !c.broken).length,
      sent: sum(this.connections, (c) => c.sent),
      acknowledged: sum(this.connections, (c) => c.acknowledged),
    };
  }
}

async function connectAll(options: LoadOptions, latencies: LatencyHistogram): Promise<LoadConnection[]> {
  const connections: LoadConnection[] = [];
  for (let at = 0; at < options.devices.length; at += connectsAtATime) {
    const group = options.devices.slice(at, at + connectsAtATime);
    connections.push(...(await Promise.all(group.map((device) => LoadConnection.open(options, device, latencies)))));
  }
  return connections;
}

/** One device on a raw socket: bytes out, PUBACK bytes in, nothing between. */
class LoadConnection {
  sent = 0;
  acknowledged = 0;
  outOfOrder = 0;
  broken = false;
  limit = Number.POSITIVE_INFINITY;
  private allowed = 0;
  private readonly sentAt: Float64Array;
  private readonly topic: Buffer;
  private rest: Buffer | undefined;
  private filling = false;

  private constructor(
    readonly device: LoadDevice,
    private readonly socket: Socket,
    private readonly options: LoadOptions,
    private readonly latencies: LatencyHistogram,
  ) {
    this.sentAt = new Float64Array(options.window);
    this.topic = Buffer.from(options.topic?.(device) ?? `devices/${device.id}/telemetry`);
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('close', () => {
      this.broken = true;
    });
    socket.on('error', () => undefined);
  }

  /** Connects and waits for a good CONNACK. */
  static open(options: LoadOptions, device: LoadDevice, latencies: LatencyHistogram): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const socket = connectTcp({ host: options.host, port: options.port, noDelay: true });
      socket.once('error', reject);
      socket.once('close', () => reject(new Error(`${device.id}: connection closed before CONNACK`)));
      socket.once('connect', () => socket.write(connectPacket(device)));
      socket.once('data', (connack) => {
        if (connack[0] !== 0x20 || connack[3] !== 0)
          return reject(new Error(`${device.id}: refused with ${connack[3]}`));
        socket.removeAllListeners('error').removeAllListeners('close');
        resolve(new LoadConnection(device, socket, options, latencies));
      });
    });
  }

  /** Publishes as fast as the window allows. */
  free(): void {
    this.allow(Number.POSITIVE_INFINITY);
  }

  allow(more: number): void {
    this.allowed += more;
    if (this.filling) return;
    this.filling = true;
    // Everything that one turn of the event loop allows goes out in one write.
    setImmediate(() => {
      this.filling = false;
      this.fill();
    });
  }

  stop(): void {
    this.allowed = 0;
  }

  end(): void {
    this.socket.end(Buffer.from([0xe0, 0]));
  }

  private fill(): void {
    if (this.broken) return;
    const packets: Buffer[] = [];
    while (this.allowed >= 1 && this.sent < this.limit && this.sent - this.acknowledged < this.options.window) {
      this.sent++;
      this.allowed--;
      this.sentAt[this.sent % this.options.window] = performance.now();
      packets.push(this.publishPacket(this.sent));
      if (this.options.qos === 0) this.acknowledged = this.sent;
      if (this.options.qos === 0 && packets.length >= this.options.window) break;
    }
    if (packets.length === 0) return;
    const flushed = this.socket.write(packets.length === 1 ? (packets[0] as Buffer) : Buffer.concat(packets));
    if (this.options.qos !== 0) return;
    if (flushed) this.allow(0);
    else this.socket.once('drain', () => this.allow(0));
  }

  private publishPacket(sequence: number): Buffer {
    const payload = this.options.payload(this.device, sequence);
    const payloadBytes = Buffer.byteLength(payload);
    const { qos } = this.options;
    const remaining = 2 + this.topic.length + (qos > 0 ? 2 : 0) + payloadBytes;
    const packet = Buffer.allocUnsafe(1 + lengthBytes(remaining) + remaining);
    packet[0] = 0x30 | (qos << 1);
    let at = writeLength(packet, 1, remaining);
    at = packet.writeUInt16BE(this.topic.length, at);
    at += this.topic.copy(packet, at);
    if (qos > 0) at = packet.writeUInt16BE(messageIdOf(sequence), at);
    packet.write(payload, at);
    return packet;
  }

  private receive(chunk: Buffer): void {
    const bytes = this.rest ? Buffer.concat([this.rest, chunk]) : chunk;
    const now = performance.now();
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) {
      if (bytes[at] !== 0x40 || bytes[at + 1] !== 2) throw new Error(`${this.device.id}: not a PUBACK: ${bytes[at]}`);
      this.acknowledged++;
      if (bytes.readUInt16BE(at + 2) !== messageIdOf(this.acknowledged)) this.outOfOrder++;
      this.latencies.record(now - (this.sentAt[this.acknowledged % this.options.window] as number));
    }
    this.rest = at < bytes.length ? bytes.subarray(at) : undefined;
    this.allow(0);
  }
}

/** Latencies in exact steps of 0.1 ms up to 10 s. */
class LatencyHistogram {
  private readonly counts = new Uint32Array(100_001);
  private total = 0;

  record(milliseconds: number): void {
    const slot = Math.min(this.counts.length - 1, Math.round(milliseconds * 10));
    this.counts[slot] = (this.counts[slot] as number) + 1;
    this.total++;
  }

  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil((this.total * percent) / 100));
    let seen = 0;
    for (const [slot, count] of this.counts.entries()) {
      seen += count;
      if (seen >= wanted) return slot / 10;
    }
    return 0;
  }
}

/** A CONNECT of MQTT 3.1.1, clean session, keep-alive of a minute. */
export function connectPacket(device: LoadDevice, clientId = device.id): Buffer {
  const fields = [clientId, device.id, device.secret].map((text) => {
    const bytes = Buffer.from(text);
    const size = Buffer.alloc(2);
    size.writeUInt16BE(bytes.length);
    return Buffer.concat([size, bytes]);
  });
  const body = Buffer.concat([Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0xc2, 0, 60]), ...fields]);
  const header = Buffer.alloc(1 + lengthBytes(body.length));
  header[0] = 0x10;
  writeLength(header, 1, body.length);
  return Buffer.concat([header, body]);
}

function messageIdOf(sequence: number): number {
  return ((sequence - 1) % (lastMessageId - firstMessageId + 1)) + firstMessageId;
}

function lengthBytes(length: number): number {
  return length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4;
}

function writeLength(packet: Buffer, start: number, length: number): number {
  let at = start;
  let left = length;
  do {
    const byte = left % 128;
    left = Math.floor(left / 128);
    packet[at++] = left > 0 ? byte | 0x80 : byte;
  } while (left > 0);
  return at;
}

function sum(connections: readonly LoadConnection[], of: (connection: LoadConnection) => number): number {
  return connections.reduce((total, connection) => total + of(connection), 0);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
