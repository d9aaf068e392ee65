export * from './backtest.js';
export * from './rule.js';
export * from './rule-definition.js';
export * from './rule-event.js';
export * from './rules-api.module.js';
export * from './rules-stage.module.js';
