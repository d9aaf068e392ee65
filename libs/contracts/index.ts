export * from './dead-letter.js';
export { ContractError, rowsIn } from './group.js';
export * from './group-reading.js';
export * from './ids.js';
export * from './notification.js';
export * from './raw-message.js';
export * from './reading.js';
export * from './streams.js';
export * from './transition.js';
