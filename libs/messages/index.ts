export * from './messages.module.js';
