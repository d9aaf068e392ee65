export * from './access.js';
export * from './alerts.js';
export * from './dead-letters.js';
export * from './devices.js';
export * from './notifier.js';
export * from './processes.js';
export * from './rules.js';
