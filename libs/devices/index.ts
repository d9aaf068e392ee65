export * from './device-directory.js';
export * from './thing-model.js';
