export { describeRegistry } from './registry.contract.js';
export {
  copyTestRegistry,
  type EmbeddedTestRegistry,
  openEmbeddedTestRegistry,
  openTestRegistry,
  type RegistryEngine,
  type TestRegistry,
} from './test-registry.js';
