export * from './access.config.js';
export * from './access.decorators.js';
export { AccessApiModule, SecretBoxModule } from './access.module.js';
export { Authenticator, bearerToken } from './authenticator.js';
export { Bootstrap } from './bootstrap.js';
export { configureHttp } from './http/configure-http.js';
export * from './principal.js';
export { SecretBox } from './secret-box.js';
