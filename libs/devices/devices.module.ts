import { Module } from '@nestjs/common';
import { configProvider } from '#libs/runtime';
import { DeviceDirectory } from './device-directory.js';
import { directoryConfig } from './directory.config.js';
import { DirectoryRepository } from './directory.repository.js';
import { DirectoryHost } from './directory-host.js';
import { ProductCatalogue } from './product-catalogue.js';
import { VisibleDevices } from './visible-devices.js';

/** Devices and products in memory, for every thread that works on messages, and who may see which. */
@Module({
  providers: [
    configProvider(directoryConfig),
    DirectoryRepository,
    DirectoryHost,
    ProductCatalogue,
    DeviceDirectory,
    VisibleDevices,
  ],
  exports: [ProductCatalogue, DeviceDirectory, VisibleDevices],
})
export class DevicesModule {}
