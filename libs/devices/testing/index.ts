export * from './open-directory.js';
export * from './seed-devices.js';
