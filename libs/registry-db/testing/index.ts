export {
  copyTestRegistry,
  type EmbeddedTestRegistry,
  openEmbeddedTestRegistry,
  openTestRegistry,
  type RegistryEngine,
  startTestDatabase,
  type TestRegistry,
} from './test-registry.js';
