import { Inject } from '@nestjs/common';
import type { Principal } from '#libs/access';
import { messageIdOf } from '#libs/contracts';
import { DeviceDirectory, type KnownDevice, VisibleDevices } from '#libs/devices';
import { messageNotFound } from '../messages.errors.js';
import { StoreTrail } from './store-trail.js';
import { TraceRepository } from './trace.repository.js';
import type { MessagePlace, RawFact } from './trace-facts.js';

/** Finds out which device a message is of, and whether its reader may know. */
export class WhoseMessage {
  constructor(
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(VisibleDevices) private readonly visible: VisibleDevices,
    @Inject(StoreTrail) private readonly store: StoreTrail,
    @Inject(TraceRepository) private readonly repository: TraceRepository,
  ) {}

  /** Throws 404, the same whatever the reason, so that nobody learns of others' messages. */
  async find(
    principal: Principal,
    messageId: string,
    raw: RawFact | undefined,
    deviceId: string | undefined,
  ): Promise<KnownDevice> {
    const named = deviceId === undefined ? undefined : await this.directory.findById(deviceId);
    if (deviceId !== undefined && !named) throw messageNotFound(messageId);
    const key = raw?.message.deviceKey ?? (await this.remembered(messageId, named));
    const device = key === undefined ? undefined : await this.directory.find(key);
    if (!device || (named && named.key !== device.key)) throw messageNotFound(messageId);
    if (!(await this.visible.sees(principal, device))) throw messageNotFound(messageId);
    return device;
  }

  /** Letters of the message, and of the entry of `readings` that it is in. */
  async letters(messageId: string, deviceKey: string, entry: MessagePlace | undefined) {
    return await this.repository.letters(letterIds(messageId, entry), messageId, deviceKey);
  }

  /** Once `raw` no longer keeps it: what the ledger has of the device named, dead letters and timelines of alerts still say. */
  private async remembered(messageId: string, named: KnownDevice | undefined): Promise<string | undefined> {
    if (named && (await this.store.knows(named.key, messageId))) return named.key;
    const letters = await this.repository.letters(letterIds(messageId, undefined), messageId, named?.key);
    const letter = letters.find(({ deviceKey }) => deviceKey !== null);
    if (letter?.deviceKey) return letter.deviceKey;
    // An alert of a group names the device that opened it, which need not be the message's: the ledger decides.
    for (const { deviceKey, subject } of await this.repository.told(messageId)) {
      if (subject === deviceKey || (await this.store.knows(deviceKey, messageId))) return deviceKey;
    }
    return undefined;
  }
}

/** What letters of a message are called; `entry` is where `readings` has it. */
function letterIds(messageId: string, entry: MessagePlace | undefined): string[] {
  const ids = [`normaliser:${messageId}`, `stage_failed/raw/normaliser/${messageId}`];
  if (!entry) return ids;
  const { lane, partition, position } = entry;
  const whole = messageIdOf(lane, partition, position, 0);
  return [...ids, ...['readings', 'rules'].map((group) => `stage_failed/readings/${group}/${whole}`)];
}
