import { Inject } from '@nestjs/common';
import { type Principal, tenantScope } from '#libs/access';
import { DeviceDirectory, type KnownDevice } from '#libs/devices';
import { deviceNotFound } from './readings.errors.js';

/** The devices that a principal may see readings of. */
export class VisibleDevices {
  constructor(@Inject(DeviceDirectory) private readonly directory: DeviceDirectory) {}

  /** The device of that id. Throws 404 where there is none, or it is another tenant's. */
  async byId(principal: Principal, id: string): Promise<KnownDevice> {
    const device = await this.directory.findById(id);
    if (!device || !this.sees(principal, device)) throw deviceNotFound(id);
    return device;
  }

  sees(principal: Principal, device: KnownDevice): boolean {
    const tenant = tenantScope(principal);
    return tenant === undefined || tenant === device.tenantKey;
  }
}
