export { freePort } from './free-port.js';
export * from './servers/index.js';
