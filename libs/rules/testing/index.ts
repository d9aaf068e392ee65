export * from './open-rules.js';
export * from './rule-script.js';
