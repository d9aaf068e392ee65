export * from './built-in/index.js';
export * from './device-directory.js';
export * from './devices.module.js';
export * from './known-device.js';
export * from './golden-frame-check.js';
export { PresenceStageModule } from './presence/presence.module.js';
export * from './product-catalogue.js';
export * from './thing-model.js';
