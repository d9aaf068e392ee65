import { Injectable } from '@nestjs/common';

/** Where the gateway listens, once it has started: the ports asked for, or those that the system chose. */
@Injectable()
export class GatewayAddresses {
  mqttPort = 0;
  /** 0 where MQTT over TLS is off. */
  mqttTlsPort = 0;
  ingestPort = 0;
}
