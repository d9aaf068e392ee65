import { isUtf8 } from 'node:buffer';
import { type NormalisedMessage, qualityNames, type Reading, type Report } from '#libs/contracts';
import type { KnownDevice, ProductCatalogue, ProductVersion, PropertyModel } from '#libs/devices';
import type { StoredFrame, StoredReading } from '#libs/telemetry-store';
import type { FrameView, ReadingView } from './readings.dto.js';

const properties = new WeakMap<ProductVersion, Map<string, PropertyModel>>();

/** What the device's product says about a metric; undefined for one it does not describe. */
export function propertyOf(
  catalogue: ProductCatalogue,
  device: KnownDevice,
  metric: string,
): PropertyModel | undefined {
  const version = catalogue.current(device.productKey);
  if (!version) return undefined;
  let known = properties.get(version);
  if (!known) {
    known = new Map(version.thingModel.properties.map((property) => [property.identifier, property]));
    properties.set(version, known);
  }
  return known.get(metric);
}

/** A stored reading as the API shows it. */
export function readingView(reading: StoredReading, property: PropertyModel | undefined): ReadingView {
  return {
    metric: reading.metric,
    name: property?.name ?? null,
    unit: property?.unit ?? null,
    value: reading.value,
    quality: qualityNames(reading.quality),
    observedAt: rfc3339(reading.observedAt),
    receivedAt: rfc3339(reading.receivedAt),
    storedAt: rfc3339(reading.storedAt),
    deviceTime: reading.deviceTime === undefined ? null : rfc3339(reading.deviceTime),
    seq: reading.seq ?? null,
    revision: reading.revision,
    messageId: reading.messageId,
  };
}

/** A reading on its way to the store as the API shows it. */
export function liveView(
  message: NormalisedMessage,
  report: Report,
  reading: Reading,
  property: PropertyModel | undefined,
): ReadingView {
  const { deviceKey, receivedAt, messageId } = message;
  const { observedAt, deviceTime, seq, revision } = report;
  const stored = { ...reading, deviceKey, observedAt, receivedAt, storedAt: 0, deviceTime, seq, revision, messageId };
  return { ...readingView(stored, property), storedAt: null };
}

/** A frame as the API shows it. */
export function frameView(frame: StoredFrame, catalogue: ProductCatalogue): FrameView {
  const bytes = Buffer.from(frame.bytes);
  return {
    messageId: frame.messageId,
    receivedAt: rfc3339(frame.receivedAt),
    storedAt: rfc3339(frame.storedAt),
    outcome: frame.outcome,
    reason: frame.reason || null,
    decoder: frame.decoder || null,
    productId: catalogue.current(frame.productKey)?.productId ?? null,
    productVersion: frame.productVersion,
    bytes: bytes.byteLength,
    base64: bytes.toString('base64'),
    text: isText(bytes) ? bytes.toString() : null,
  };
}

/** RFC 3339 in UTC; times outside what a date can say are shown as the nearest that it can. */
export function rfc3339(at: number): string {
  const widest = 8_640_000_000_000_000;
  return new Date(Math.min(Math.max(at, -widest), widest)).toISOString();
}

/** UTF-8 without control characters other than white space. */
function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !bytes.some((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13);
}
