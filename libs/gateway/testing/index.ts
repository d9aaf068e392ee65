export * from './open-gateway.js';
export * from './raw-device.js';
export * from './stored-messages.js';
