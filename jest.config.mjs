/** Tests run on the compiled tree (`npm test` builds first): what is tested is what runs, and worker threads load as in production. */
export default {
  testEnvironment: 'node',
  rootDir: '.',
  roots: ['<rootDir>/dist'],
  testMatch: ['**/*.spec.js'],
  transform: {},
  testTimeout: 30_000,
  maxWorkers: 2,
  reporters: ['<rootDir>/test/reporter.mjs'],
};
