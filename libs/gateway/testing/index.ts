export * from './bridge-scene.js';
export * from './open-gateway.js';
export * from './raw-device.js';
export * from './stored-messages.js';
export * from './test-certificates.js';
