export * from './readings.config.js';
export * from './readings.module.js';
