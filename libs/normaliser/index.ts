export * from './normaliser.module.js';
