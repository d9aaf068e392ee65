export { GatewayModule } from './gateway.module.js';
export { GatewayAddresses } from './gateway-addresses.js';
