export { describeRegistry } from './registry.contract.js';
export { openTestRegistry, type TestRegistry } from './test-registry.js';
