import { Inject, Injectable } from '@nestjs/common';
import type { Principal } from '#libs/access';
import { canonicalDeviceId } from '#libs/contracts';
import {
  CLOCK,
  type Clock,
  conflict,
  notFound,
  requireRevision,
  revisionConflict,
  validationFailed,
} from '#libs/runtime';
import { generateDeviceSecret } from './device-secret.js';
import { type DevicesConfig, devicesConfig } from './devices.config.js';
import type { DeviceChange } from './devices.dto.js';
import { type DeviceChanges, type DeviceRecord, DevicesRepository } from './devices.repository.js';

/** Devices: their description, their life and their secret. */
@Injectable()
export class DevicesService {
  constructor(
    @Inject(DevicesRepository) private readonly repository: DevicesRepository,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(devicesConfig.KEY) private readonly config: DevicesConfig,
  ) {}

  /** Throws 404 where it does not exist or is not to be seen. */
  async find(principal: Principal, id: string): Promise<DeviceRecord> {
    const record = await this.repository.find(principal, id, 'visible');
    if (!record) throw notFound('device', id);
    return record;
  }

  /** Throws 404, 409 `device_retired`, 412 where `expected` is not its revision, 400 where something named does not exist. */
  async change(
    principal: Principal,
    id: string,
    body: DeviceChange,
    expected: number | undefined,
  ): Promise<DeviceRecord> {
    const record = await this.changeable(principal, id, expected);
    return this.write(principal, record, await this.changesIn(record, body));
  }

  /** A disabled device may not connect; a live connection ends within seconds. */
  async disable(principal: Principal, id: string, expected: number | undefined): Promise<DeviceRecord> {
    const record = await this.changeable(principal, id, expected);
    if (record.device.status === 'disabled') return record;
    return this.write(principal, record, { status: 'disabled' });
  }

  async enable(principal: Principal, id: string, expected: number | undefined): Promise<DeviceRecord> {
    const record = await this.changeable(principal, id, expected);
    if (record.device.status !== 'disabled') return record;
    return this.write(principal, record, { status: record.presence?.lastSeenAt ? 'active' : 'registered' });
  }

  /** For good: its id stays taken, its history stays readable. */
  async retire(principal: Principal, id: string, expected: number | undefined): Promise<void> {
    const record = await this.own(principal, id);
    requireRevision(expected, record.device.revision);
    if (record.device.status === 'retired') return;
    await this.write(principal, record, { status: 'retired', previousSecretHash: null, previousSecretUntil: null });
  }

  /** A new secret; the old one stays good for the overlap. */
  async rotateSecret(principal: Principal, id: string, overlapSeconds: number | undefined) {
    const record = await this.changeable(principal, id, undefined);
    const overlapMs = overlapSeconds === undefined ? this.config.secretOverlapMs : overlapSeconds * 1000;
    const previousSecretUntil = new Date(this.clock.now() + overlapMs);
    const { secret, secretHash } = generateDeviceSecret();
    await this.write(principal, record, {
      secretHash,
      previousSecretHash: overlapMs === 0 ? null : record.device.secretHash,
      previousSecretUntil: overlapMs === 0 ? null : previousSecretUntil,
    });
    return { id: record.device.id, secret, previousValidUntil: previousSecretUntil.toISOString() };
  }

  private async own(principal: Principal, id: string): Promise<DeviceRecord> {
    const record = await this.repository.find(principal, id, 'own');
    if (!record) throw notFound('device', id);
    return record;
  }

  private async changeable(principal: Principal, id: string, expected: number | undefined): Promise<DeviceRecord> {
    const record = await this.own(principal, id);
    requireRevision(expected, record.device.revision);
    if (record.device.status === 'retired') {
      throw conflict('device_retired', `"${record.device.id}" is retired and does not change any more.`);
    }
    return record;
  }

  private async write(principal: Principal, record: DeviceRecord, changes: DeviceChanges): Promise<DeviceRecord> {
    const { key, id, revision } = record.device;
    if (!(await this.repository.change(key, revision, changes))) throw revisionConflict(revision + 1);
    return this.find(principal, id);
  }

  private async changesIn(record: DeviceRecord, body: DeviceChange): Promise<DeviceChanges> {
    const { tenantKey, id } = record.device;
    const { name, tags, settings, expectedIntervalMs, installationId, gatewayId } = body;
    const changes: DeviceChanges = {
      ...(name !== undefined && { name }),
      ...(tags != null && { tags }),
      ...(settings != null && { settings }),
      ...(expectedIntervalMs !== undefined && { expectedIntervalMs }),
    };
    if (installationId !== undefined) {
      if (
        installationId !== null &&
        !(await this.repository.installations(tenantKey, [installationId])).has(installationId)
      ) {
        throw validationFailed([
          { field: 'installationId', problem: `the tenant has no installation "${installationId}".` },
        ]);
      }
      changes.installationKey = installationId;
    }
    if (gatewayId !== undefined)
      changes.parentKey = gatewayId === null ? null : await this.gateway(tenantKey, id, gatewayId);
    return changes;
  }

  private async gateway(tenantKey: string, id: string, gatewayId: string): Promise<string> {
    const canonical = canonicalDeviceId(gatewayId);
    const key = (await this.repository.keysOf(tenantKey, [canonical])).get(canonical);
    if (key && canonical !== id) return key;
    const problem = key ? 'a device is not its own gateway.' : `the tenant has no device "${gatewayId}".`;
    throw validationFailed([{ field: 'gatewayId', problem }]);
  }
}
