export { type GatewayConfig, gatewayConfig } from './gateway.config.js';
export { GatewayModule } from './gateway.module.js';
export { GatewayAddresses } from './gateway-addresses.js';
