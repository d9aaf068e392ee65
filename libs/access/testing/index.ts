export { type Route, Routes } from '../routes.js';
export { leaveEarly } from './early-leaver.js';
export { describeTenantIsolation, type IsolationCase } from './tenant-isolation.js';
export { startTestApi, type TestApi, type TestTenant } from './test-api.js';
export { createTestPrincipal } from './test-principal.js';
