import { timingSafeEqual } from 'node:crypto';
import type { KnownDevice } from './known-device.js';

/** A device as the registry has it, for the table. */
export interface DeviceFacts {
  device: KnownDevice;
  /** 0 where the product's interval counts. */
  ownIntervalMs: number;
  secretHash: Uint8Array;
  previous: { secretHash: Uint8Array; until: number } | undefined;
}

interface DeviceRecord extends KnownDevice {
  /** Where the secret's hash stands in the slabs; secrets are not part of what is handed out. */
  slot: number;
  ownIntervalMs: number;
}

const hashBytes = 32;
const hashesPerSlab = 32_768;

/**
 * All devices in memory: about 350 bytes each, so that three million fit. Hashes of secrets lie in slabs, since a Buffer
 * of its own costs three times its content.
 */
export class DeviceTable {
  private readonly keys = new Map<string, DeviceRecord>();
  private readonly ids = new Map<string, DeviceRecord>();
  private readonly groups = new Map<string, KnownDevice[]>();
  private readonly slabs: Buffer[] = [];
  private readonly previous = new Map<number, { secretHash: Uint8Array; until: number }>();
  private slots = 0;

  get size(): number {
    return this.keys.size;
  }

  byKey(key: string): KnownDevice | undefined {
    return this.keys.get(key);
  }

  /** `id` in canonical form. */
  byId(id: string): KnownDevice | undefined {
    return this.ids.get(id);
  }

  members(group: string): readonly KnownDevice[] {
    return this.groups.get(group) ?? [];
  }

  /** Every device; the table may change while it is walked. */
  all(): IterableIterator<KnownDevice> {
    return this.keys.values();
  }

  /** Keeps what is known of a device, in place of what was known before. */
  put(facts: DeviceFacts): KnownDevice {
    const before = this.keys.get(facts.device.key);
    const slot = before?.slot ?? this.slots++;
    this.slab(slot).set(facts.secretHash.subarray(0, hashBytes), (slot % hashesPerSlab) * hashBytes);
    if (facts.previous) this.previous.set(slot, facts.previous);
    else this.previous.delete(slot);
    const d = facts.device;
    return this.replace(before, {
      key: before?.key ?? d.key,
      id: d.id,
      tenantKey: d.tenantKey,
      productKey: d.productKey,
      lane: d.lane,
      partition: d.partition,
      status: d.status,
      parentKey: d.parentKey,
      building: d.building,
      expectedIntervalMs: d.expectedIntervalMs,
      settings: d.settings,
      tags: d.tags,
      slot,
      ownIntervalMs: facts.ownIntervalMs,
    });
  }

  /** Takes over a product's new interval where the device has none of its own; undefined where nothing changes. */
  changeInterval(device: KnownDevice, expectedIntervalMs: number): KnownDevice | undefined {
    const record = this.keys.get(device.key);
    if (!record || record.ownIntervalMs > 0 || record.expectedIntervalMs === expectedIntervalMs) return undefined;
    return this.replace(record, { ...record, expectedIntervalMs });
  }

  /**
   * Until when `secretHash` is good, in epoch milliseconds: without end where it is the device's, a while where it is the
   * one before, 0 where it is neither; in constant time.
   */
  goodUntil(device: KnownDevice, secretHash: Uint8Array): number {
    const record = this.keys.get(device.key);
    if (!record) return 0;
    const start = (record.slot % hashesPerSlab) * hashBytes;
    const current = timingSafeEqual(this.slab(record.slot).subarray(start, start + hashBytes), secretHash);
    const previous = this.previous.get(record.slot);
    const overlapped = previous !== undefined && timingSafeEqual(previous.secretHash, secretHash);
    if (current) return Number.POSITIVE_INFINITY;
    return overlapped ? previous.until : 0;
  }

  private replace(before: DeviceRecord | undefined, record: DeviceRecord): KnownDevice {
    this.keys.set(record.key, record);
    if (before && before.id !== record.id && this.ids.get(before.id) === before) this.ids.delete(before.id);
    this.ids.set(record.id, record);
    if (before?.building !== undefined) this.leave(before.building, before);
    if (record.building !== undefined) {
      const members = this.groups.get(record.building);
      if (members) members.push(record);
      else this.groups.set(record.building, [record]);
    }
    return record;
  }

  private leave(group: string, record: KnownDevice): void {
    const members = this.groups.get(group);
    if (!members) return;
    const left = members.filter((member) => member !== record);
    if (left.length > 0) this.groups.set(group, left);
    else this.groups.delete(group);
  }

  private slab(slot: number): Buffer {
    const index = Math.floor(slot / hashesPerSlab);
    this.slabs[index] ??= Buffer.alloc(hashesPerSlab * hashBytes);
    return this.slabs[index];
  }
}
