export * from './day-calendar.js';
export * from './telemetry-store.config.js';
export * from './telemetry-store.module.js';
export * from './telemetry-store.port.js';
