export { type CopiedRows, RegistryCopy } from './copy/registry-copy.js';
export * from './database.js';
export { EmbeddedRegistry } from './embedded-registry.js';
export { jsonRows, jsonValue } from './json-rows.js';
export { Leases } from './leases.js';
export * from './registry-db.config.js';
export * from './registry-db.module.js';
export { RESTORING } from './restore-check.js';
export * from './schema/index.js';
