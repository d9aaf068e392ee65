export { startTestApi, type TestApi, type TestTenant } from './test-api.js';
export { createTestPrincipal } from './test-principal.js';
