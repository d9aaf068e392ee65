export * from './day-calendar.js';
export { decodePart } from './stored-part.js';
export * from './telemetry-store.config.js';
export * from './telemetry-store.module.js';
export * from './telemetry-store.port.js';
