import { Module } from '@nestjs/common';
import { DevicesModule } from '../devices.module.js';
import { DeviceVisibility } from './device-visibility.service.js';

/** For the APIs that show what devices report. */
@Module({ imports: [DevicesModule], providers: [DeviceVisibility], exports: [DeviceVisibility] })
export class DeviceVisibilityModule {}
