import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { decodeNormalisedMessages, type NormalisedMessage } from '#libs/contracts';
import { DeviceDirectory, type KnownDevice } from '#libs/devices';
import {
  type ResettableStage,
  type Source,
  STREAM,
  type StageBatch,
  type StageResult,
  type StreamLog,
} from '#libs/stream';
import { DeviceJudge } from './device-judge.js';
import { decodeDevice } from './device-state.js';
import { RulesHost } from './rules-host.js';
import { RulesPartition } from './rules-partition.js';
import { TrackedDevice } from './tracked-device.js';
import { TransitionOutput } from './transition-output.js';

const group = 'rules';
/** A tick works through no more due devices than this, so that messages never wait long behind a general silence. */
const duePerTick = 5_000;

/**
 * Judges readings device by device. State is in memory and saved with the acknowledgement: at once where a verdict
 * depends on it, coarsely otherwise. Time is judged by deadlines, as far as every message received before has been judged.
 */
@Controller()
export class RulesStage implements ResettableStage {
  private readonly partitions = new Map<string, RulesPartition>();

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(DeviceJudge) private readonly judge: DeviceJudge,
    @Inject(RulesHost) private readonly host: RulesHost,
  ) {
    directory.onChange((device) => this.deviceChanged(device));
  }

  @EventPattern('readings/rules', { tickMs: 1000 })
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    const partition = await this.open(batch.source);
    const output = new TransitionOutput();
    const touched: TrackedDevice[] = [];
    partition.batch += 1;
    if (batch.entries.length === 0) await this.tick(partition, output, touched);
    else await this.messages(partition, batch, output, touched);
    this.save(partition, output, touched);
    this.host.metrics.transitions(output.transitions);
    return output.result(batch.source, this.stream.partitions);
  }

  /** What was answered may not have been kept: everything in memory is read again. */
  reset(source: Source): void {
    this.partitions.delete(nameOf(source));
  }

  private async messages(
    partition: RulesPartition,
    { entries }: StageBatch,
    output: TransitionOutput,
    touched: TrackedDevice[],
  ): Promise<void> {
    const messages: NormalisedMessage[] = [];
    for (const entry of entries) {
      for (const message of decodeNormalisedMessages(entry.data))
        if (message.outcome === 'decoded') messages.push(message);
    }
    await this.load(
      partition,
      messages.map((message) => message.deviceKey),
      output,
    );
    const count = { evaluated: 0, late: 0 };
    let unknown = 0;
    let foreign = 0;
    for (const message of messages) {
      const device = this.find(partition, message.deviceKey);
      if (!device) unknown += 1;
      else if (device.known.tenantKey !== message.tenantKey) foreign += 1;
      else {
        this.judge.message(device, message, count, output);
        touch(partition, device, touched);
      }
    }
    this.host.metrics.evaluated(count.evaluated);
    this.host.metrics.discarded('late', count.late);
    this.host.metrics.discarded('unknown_device', unknown);
    this.host.metrics.discarded('other_tenant', foreign);
  }

  private async tick(partition: RulesPartition, output: TransitionOutput, touched: TrackedDevice[]): Promise<void> {
    const now = this.host.now();
    const listening = partition.listen(now, this.host.config.outageMs);
    if (listening) output.save(partition.listeningKey, listening);
    if (!partition.scanned) await this.scan(partition);
    const horizon = now - (await this.host.behindMs(partition));
    this.refreshChanged(partition, horizon, output, touched);
    const due = partition.wheel.take(horizon, duePerTick).filter(({ key, dueMs }) => {
      const device = partition.devices.peek(key);
      return device === undefined || device.armedAt === dueMs;
    });
    if (due.length === 0) return;
    await this.load(
      partition,
      due.map(({ key }) => key),
      output,
    );
    for (const { key } of due) {
      const device = this.find(partition, key);
      if (!device) continue;
      device.armedAt = 0;
      device.countSilence(partition.outages);
      this.judge.tick(device, horizon, output);
      touch(partition, device, touched);
    }
  }

  /** After a change of rules or of devices, what they raised is cleared or goes on at once, not with the next message. */
  private refreshChanged(
    partition: RulesPartition,
    at: number,
    output: TransitionOutput,
    touched: TrackedDevice[],
  ): void {
    const version = this.judge.book.version;
    const everybody = partition.bookVersion !== version;
    partition.bookVersion = version;
    const keys = everybody ? partition.devices.keys() : partition.changed.values();
    for (const key of keys) {
      const device = partition.devices.peek(key);
      if (!device || (everybody && !device.rules.raised && !partition.changed.has(key))) continue;
      this.judge.refresh(device, at, '', output);
      device.armedAt = 0;
      touch(partition, device, touched);
    }
    partition.changed.clear();
  }

  private save(partition: RulesPartition, output: TransitionOutput, touched: readonly TrackedDevice[]): void {
    const now = this.host.now();
    for (const device of touched) {
      const { key } = device.known;
      partition.arm(key, device, now);
      const state = device.stateToSave(now, this.host.config.stateIntervalMs);
      if (state) output.save(partition.stateKey(key), state);
    }
    for (const [key, device] of partition.evicted) {
      const state = device.unsavedState(now);
      if (state) output.save(partition.stateKey(key), state);
    }
    partition.evicted.clear();
  }

  private async open(source: Source): Promise<RulesPartition> {
    const name = nameOf(source);
    const known = this.partitions.get(name);
    if (known) return known;
    const capacity = Math.max(1000, Math.ceil(this.host.config.cacheDevices / this.stream.partitions));
    const partition = new RulesPartition(source.lane, source.partition, capacity);
    const [listening] = await this.stream.readState(group, source.partition, [partition.listeningKey]);
    partition.resumeListening(listening);
    partition.bookVersion = this.judge.book.version;
    this.partitions.set(name, partition);
    return partition;
  }

  /** Brings devices into memory, with what was saved of them. Those that the registry does not know are left out. */
  private async load(partition: RulesPartition, keys: readonly string[], output: TransitionOutput): Promise<void> {
    const missing = [...new Set(keys.filter((key) => !partition.devices.has(key)))];
    if (missing.length === 0) return;
    const values = await this.stream.readState(
      group,
      partition.partition,
      missing.map((key) => partition.stateKey(key)),
    );
    for (let i = 0; i < missing.length; i += 1) {
      const key = missing[i] as string;
      const device = this.directory.byKey(key) ?? (await this.directory.find(key));
      if (!device) continue;
      const tracked = new TrackedDevice(device, this.judge.book);
      const kept = values[i] && decodeDevice(values[i] as Uint8Array);
      if (kept) {
        const withdrawn = tracked.resume(kept);
        this.judge.withdraw(tracked, withdrawn, kept.seenAt, '', output);
      }
      partition.devices.set(key, tracked);
    }
  }

  /** After a start: when each device saved before is due. */
  private async scan(partition: RulesPartition): Promise<void> {
    const prefix = partition.stateKey();
    for await (const { key, value } of this.stream.scanState(group, partition.partition, prefix)) {
      const deviceKey = key.slice(prefix.length);
      if (partition.devices.has(deviceKey)) continue;
      const device = this.directory.byKey(deviceKey);
      const kept = device && decodeDevice(value);
      if (!kept) continue;
      const tracked = new TrackedDevice(device, this.judge.book);
      const withdrawn = tracked.resume(kept);
      if (withdrawn.length > 0) partition.wheel.add(deviceKey, 0);
      else partition.arm(deviceKey, tracked, 0);
    }
    partition.scanned = true;
  }

  private find(partition: RulesPartition, key: string): TrackedDevice | undefined {
    const device = partition.devices.get(key);
    if (device) return device;
    const evicted = partition.evicted.get(key);
    if (evicted) {
      partition.evicted.delete(key);
      partition.devices.set(key, evicted);
    }
    return evicted;
  }

  private deviceChanged(device: KnownDevice): void {
    const partition = this.partitions.get(nameOf(device));
    const tracked = partition?.devices.peek(device.key);
    if (!tracked) return;
    tracked.replace(device);
    partition?.changed.add(device.key);
  }
}

function nameOf({ lane, partition }: { lane: string; partition: number }): string {
  return `${lane}/${partition}`;
}

function touch(partition: RulesPartition, device: TrackedDevice, touched: TrackedDevice[]): void {
  if (device.touchedBy === partition.batch) return;
  device.touchedBy = partition.batch;
  touched.push(device);
}
