export { describeRegistry } from './registry.contract.js';
export { copyTestRegistry, openTestRegistry, type TestRegistry } from './test-registry.js';
