export * from './access.js';
export * from './devices.js';
