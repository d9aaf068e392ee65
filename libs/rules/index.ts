export * from './rule.js';
export * from './rule-definition.js';
export * from './rule-event.js';
export * from './rules.module.js';
