export { freePort } from './free-port.js';
export * from './otlp-receiver.js';
export * from './servers/index.js';
