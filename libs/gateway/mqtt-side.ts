/** Injection token of the MQTT side of the gateway. */
export const MQTT_SIDE = Symbol('mqtt-side');

/** How messages of MQTT devices come to the gateway: our own broker, or a bridge to a cluster that exists. */
export interface MqttSide {
  start(): Promise<void>;
  /** Takes nothing more; what has been taken may still be acknowledged. */
  stopAccepting(): Promise<void> | void;
  /** Lets the connections go; called when everything taken is durable and acknowledged. */
  stop(): Promise<void>;
  /** What keeps it from its work, undefined when well. */
  problem(): string | undefined;
}
