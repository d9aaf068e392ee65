import { Inject, Injectable } from '@nestjs/common';
import { validate as isUuid, v7 } from 'uuid';
import type { Principal } from '#libs/access';
import { conflict, notFound, PlatformError, validationFailed } from '#libs/runtime';
import { type DeviceRecord, DevicesRepository } from '../devices/devices.repository.js';
import { mayConnect } from '../known-device.js';
import { ProductCatalogue, type ProductVersion } from '../product-catalogue.js';
import { inputProblems } from './command-input.js';
import { CommandLine } from './command-line.js';
import { commandMessage, longestCommandBytes } from './command-message.js';
import { type CommandsConfig, commandsConfig } from './commands.config.js';
import type { CommandQuery, NewCommand } from './commands.dto.js';
import { type CommandRow, CommandsRepository } from './commands.repository.js';

/** Commands to devices: given, looked at, called back. */
@Injectable()
export class CommandsService {
  constructor(
    @Inject(DevicesRepository) private readonly devices: DevicesRepository,
    @Inject(CommandsRepository) private readonly repository: CommandsRepository,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(CommandLine) private readonly line: CommandLine,
    @Inject(commandsConfig.KEY) private readonly config: CommandsConfig,
  ) {}

  /**
   * Throws 404; 400 where the product has no such command or the parameters do not fit it; 409 `device_disabled` where the
   * device may not connect; 429 `too_many_open_commands`.
   */
  async send(principal: Principal, deviceId: string, body: NewCommand): Promise<CommandRow> {
    const { device } = await this.device(principal, deviceId, 'own');
    if (!mayConnect(device.status)) {
      throw conflict(
        'device_disabled',
        `"${device.id}" is ${device.status}: it does not connect, and gets no commands.`,
      );
    }
    const product = await this.productOf(device.productKey);
    const parameters = body.parameters ?? {};
    check(product, body.command, parameters);
    await this.makeSureOfRoom(device.key);
    const row = {
      key: v7(),
      tenantKey: device.tenantKey,
      deviceKey: device.key,
      command: body.command,
      parameters,
      state: 'queued' as const,
      issuedBy: principal.name,
      createdAt: this.line.time(),
      expiresAt: this.line.time(body.expiresInSeconds ?? this.config.expiresInSeconds),
    };
    const command = commandMessage({ ...row, parentKey: device.parentKey });
    if (command.payload.byteLength > longestCommandBytes) {
      const problem = `the command has ${command.payload.byteLength} bytes; at most ${longestCommandBytes} are sent.`;
      throw validationFailed([{ field: 'parameters', problem }]);
    }
    const kept = await this.repository.insert(row);
    await this.line.tell(command, product.lane);
    return kept;
  }

  /** One row more than a page has. */
  async list(principal: Principal, deviceId: string, query: CommandQuery, before: string | undefined) {
    const { device } = await this.device(principal, deviceId, 'visible');
    return this.repository.list(device.key, query.state, before, query.limit + 1);
  }

  /** Throws 404. */
  async find(principal: Principal, deviceId: string, id: string): Promise<CommandRow> {
    const { device } = await this.device(principal, deviceId, 'visible');
    return this.command(device.key, id);
  }

  /** Calls a command back that has not reached the device. Throws 404, 409 `command_over`. */
  async cancel(principal: Principal, deviceId: string, id: string): Promise<void> {
    const { device } = await this.device(principal, deviceId, 'own');
    const row = await this.command(device.key, id);
    if (row.state === 'cancelled') return;
    if (!(await this.repository.cancel(row.key, this.line.time()))) {
      const { state } = await this.command(device.key, id);
      throw conflict('command_over', `The command is ${state}: only one that is queued or sent can be called back.`);
    }
    const product = await this.productOf(device.productKey);
    const command = commandMessage({ ...row, parentKey: device.parentKey });
    await this.line.tell({ ...command, withdrawn: true, payload: new Uint8Array(0) }, product.lane);
  }

  private async device(principal: Principal, id: string, scope: 'own' | 'visible'): Promise<DeviceRecord> {
    const record = await this.devices.find(principal, id, scope);
    if (!record) throw notFound('device', id);
    return record;
  }

  private async command(deviceKey: string, id: string): Promise<CommandRow> {
    const row = isUuid(id) ? await this.repository.find(deviceKey, id) : undefined;
    if (!row) throw notFound('command', id);
    return row;
  }

  private async productOf(productKey: string): Promise<ProductVersion> {
    const product = await this.catalogue.find(productKey);
    if (!product) throw conflict('product_unpublished', 'The product of the device has no published version.');
    return product;
  }

  private async makeSureOfRoom(deviceKey: string): Promise<void> {
    const { openPerDevice } = this.config;
    if ((await this.repository.openOf(deviceKey)) < openPerDevice) return;
    const detail = `${openPerDevice} commands wait for the device already. Cancel some, or wait until they expire.`;
    throw new PlatformError(429, 'too_many_open_commands', detail);
  }
}

function check({ thingModel }: ProductVersion, name: string, parameters: Record<string, unknown>): void {
  const model = thingModel.commands.find(({ identifier }) => identifier === name);
  if (!model) {
    const names = thingModel.commands.map(({ identifier }) => identifier).join(', ') || 'none';
    throw validationFailed([{ field: 'command', problem: `the product's commands are ${names}.` }]);
  }
  const problems = inputProblems(model, parameters);
  if (problems.length > 0) throw validationFailed(problems);
}
