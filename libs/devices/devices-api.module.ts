import { Module } from '@nestjs/common';
import { configProvider } from '#libs/runtime';
import { areasConfig } from './areas/areas.config.js';
import { AreasController } from './areas/areas.controller.js';
import { areasProvider } from './areas/areas.provider.js';
import { DeviceRegistration } from './devices/device-registration.js';
import { devicesConfig } from './devices/devices.config.js';
import { DevicesController } from './devices/devices.controller.js';
import { DevicesRepository } from './devices/devices.repository.js';
import { DevicesService } from './devices/devices.service.js';
import { GrantsController } from './grants/grants.controller.js';
import { InstallationsController } from './installations/installations.controller.js';
import { BuiltInSeeder } from './products/built-in-seeder.js';
import { ProductsController } from './products/products.controller.js';
import { ProductsRepository } from './products/products.repository.js';
import { ProductsService } from './products/products.service.js';

/** Products, devices, installations and grants over REST; puts the built-in products into the registry. */
@Module({
  controllers: [ProductsController, DevicesController, InstallationsController, AreasController, GrantsController],
  providers: [
    configProvider(devicesConfig),
    configProvider(areasConfig),
    areasProvider,
    BuiltInSeeder,
    ProductsRepository,
    ProductsService,
    DevicesRepository,
    DevicesService,
    DeviceRegistration,
  ],
})
export class DevicesApiModule {}
