import { Inject, Injectable } from '@nestjs/common';
import { canonicalDeviceId, deviceIdPattern } from '#libs/contracts';
import { DeviceDirectory, type KnownDevice } from '#libs/devices';
import { CLOCK, type Clock } from '#libs/runtime';
import { FailedLogins } from './failed-logins.js';
import { type GatewayConfig, gatewayConfig } from './gateway.config.js';
import { GatewayMetrics } from './gateway-metrics.js';

/** The answer to a device's login, however it came. */
export type Login =
  | { kind: 'accepted'; device: KnownDevice }
  | { kind: 'refused'; reason: LoginRefusal; retryAfterMs: number };

/** Why a login failed; the label of `gateway_refused_total`. */
export type LoginRefusal =
  | 'credentials_missing'
  | 'unknown_device'
  | 'wrong_secret'
  | 'device_disabled'
  | 'registry_unavailable'
  | 'login_rate_limited';

/** Checks device credentials for MQTT and HTTP alike, and slows down those who guess. */
@Injectable()
export class DeviceLogin {
  private readonly failedLogins: FailedLogins;

  constructor(
    @Inject(DeviceDirectory) private readonly directory: DeviceDirectory,
    @Inject(CLOCK) clock: Clock,
    @Inject(gatewayConfig.KEY) config: GatewayConfig,
    @Inject(GatewayMetrics) private readonly metrics: GatewayMetrics,
  ) {
    this.failedLogins = new FailedLogins(clock, {
      perDevice: config.failedLoginsPerDevice,
      perAddress: config.failedLoginsPerAddress,
    });
  }

  /** Checks `secret` of device `id` for somebody at `address`; every refusal is counted. */
  async check(address: string, id: string | undefined, secret: string | undefined): Promise<Login> {
    if (!id || !secret) return this.refused('credentials_missing', 0);
    const canonical = canonicalDeviceId(id);
    const waitMs = this.failedLogins.waitMs(address, canonical);
    if (waitMs > 0) return this.refused('login_rate_limited', waitMs);
    const answer = deviceIdPattern.test(id)
      ? await this.directory.authenticate(id, secret)
      : ({ kind: 'refused', reason: 'unknown_device' } as const);
    if (answer.kind === 'accepted') return answer;
    if (answer.reason !== 'registry_unavailable') this.failedLogins.failed(address, canonical);
    return this.refused(answer.reason, 0);
  }

  private refused(reason: LoginRefusal, retryAfterMs: number): Login {
    this.metrics.refused(reason);
    return { kind: 'refused', reason, retryAfterMs };
  }
}
