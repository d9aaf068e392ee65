import { describe, expect, it } from '@jest/globals';
import { readConfig } from '#libs/runtime';
import { clusterOptions } from './cluster-options.js';
import { bridgeConfig } from './mqtt-bridge.config.js';

const optionsOf = async (environment: Record<string, string>, connection = 1) =>
  (await clusterOptions(readConfig(bridgeConfig, environment)))(connection);

describe('options of the connections', () => {
  it('are those of a session that outlives its connection', async () => {
    const options = await optionsOf({ BRIDGE_URL: 'mqtt://emqx', BRIDGE_CLIENT_ID: 'gateway-1' }, 3);
    expect(options).toMatchObject({
      clientId: 'gateway-1-3',
      clean: false,
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 604_800, receiveMaximum: 32 },
      servers: [{ host: 'emqx', port: 1883 }],
    });
    expect(await optionsOf({ BRIDGE_URL: 'mqtt://emqx', BRIDGE_PROTOCOL: '3.1.1' })).not.toHaveProperty('properties');
  });

  it('begin at the nodes of the cluster in turn', async () => {
    const environment = { BRIDGE_URL: 'mqtts://one, mqtts://[::1]:9883' };
    const hosts = async (connection: number) =>
      (await optionsOf(environment, connection)).servers?.map(({ host, port }) => `${host} ${port}`);
    expect(await hosts(2)).toEqual(['one 8883', '::1 9883']);
    expect(await hosts(1)).toEqual(['::1 9883', 'one 8883']);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{}, /BRIDGE_URL is missing/],
    [{ BRIDGE_URL: 'http://emqx' }, /mqtt:\/\/host:port/],
    [{ BRIDGE_URL: 'mqtt://user:word@emqx' }, /BRIDGE_USERNAME and BRIDGE_PASSWORD/],
    [{ BRIDGE_URL: 'mqtt://one,mqtts://two' }, /all of them must be/],
    [{ BRIDGE_URL: 'mqtt://emqx', BRIDGE_TLS_CA: 'ca.pem' }, /write mqtts/],
    [
      { BRIDGE_URL: 'mqtts://emqx', BRIDGE_TLS_CA: '/nowhere/ca.pem' },
      /BRIDGE_TLS_CA=\/nowhere\/ca.pem cannot be used/,
    ],
    [{ BRIDGE_URL: 'mqtts://emqx', BRIDGE_TLS_KEY: 'key.pem' }, /belong together/],
    [{ BRIDGE_URL: 'mqtt://emqx', BRIDGE_GROUP: 'a/b' }, /BRIDGE_GROUP/],
    [{ BRIDGE_URL: 'mqtt://emqx', BRIDGE_TOPIC_PREFIX: 'city' }, /BRIDGE_TOPIC_PREFIX/],
    [{ BRIDGE_URL: 'mqtt://emqx', BRIDGE_TOPICS: 'devices/#' }, /BRIDGE_TOPICS.*commands that we publish/],
  ])('%j is refused: %s', async (environment, problem) => {
    await expect(optionsOf(environment)).rejects.toThrow(problem);
  });
});
