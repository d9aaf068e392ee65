import { parseArgs } from 'node:util';
import { platformAddress } from './platform-address.js';
import type { PlatformAccess } from './platform-api.js';
import { type Scenario, scenarios } from './scenarios.js';

/** What a run of the simulator is asked to do. */
export interface Options {
  devices: number;
  durationMs: number;
  speed: number;
  seed: number;
  scenarios: Scenario[];
  access: PlatformAccess;
  mqtt: string;
  json: boolean;
}

/** A day a minute: long windows show their alerts while somebody watches. */
const usualSpeed = '1440';

const help = `npm run sim -- [options]
Registers a simulated fleet through the REST API, connects each device over MQTT, lets its days pass and tells which
alerts the platform raises. 登记并连接一批模拟设备（水表、车位、烟感），按真实协议上报，并显示平台产生的告警。

  --devices 300     how many devices: of twelve, seven meters, three bays, two detectors   设备数
  --duration 0      seconds to run; 0 until Ctrl-C                                         运行秒数
  --speed 1440      how many times faster than ours the city's day passes: a day a minute  时间倍率
  --scenario NAME   what happens; may be given several times, or "all":                    场景
${scenarios.map(({ name, meaning }) => `      ${name.padEnd(18)} ${meaning}`).join('\n')}
  --seed 1          the same seed is the same fleet                                        随机种子
  --json            one summary object on the last line, nothing else                      输出 JSON

  --data-dir ./data where the platform of this machine keeps its data: its addresses and first password are read there
  --url, --mqtt     the platform's addresses; by default where it says it listens, else http://127.0.0.1:3000 and
                    mqtt://127.0.0.1:1883
  --login, --password, --token
                    who registers; by default admin with the first password
`;

/** Reads the command line. Undefined where help was asked for, and printed. Throws with the option that is wrong. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      mqtt: { type: 'string' },
      devices: { type: 'string', default: '300' },
      duration: { type: 'string', default: '0' },
      speed: { type: 'string', default: usualSpeed },
      scenario: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: '1' },
      login: { type: 'string', default: 'admin' },
      password: { type: 'string' },
      token: { type: 'string' },
      'data-dir': { type: 'string', default: './data' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return undefined;
  }
  const found = values.url || values.mqtt ? undefined : platformAddress(values['data-dir']);
  return {
    devices: wholeNumber('devices', values.devices, 1, 20_000),
    durationMs: wholeNumber('duration', values.duration, 0, 2_000_000) * 1_000,
    speed: wholeNumber('speed', values.speed, 1, 86_400),
    seed: wholeNumber('seed', values.seed, 0, 2_147_483_647),
    scenarios: [...new Set(values.scenario.flatMap(scenariosNamed))],
    access: {
      url: address('url', values.url ?? found?.url ?? 'http://127.0.0.1:3000', ['http:', 'https:']),
      login: values.login,
      dataDir: values['data-dir'],
      ...(values.password === undefined ? {} : { password: values.password }),
      ...(values.token === undefined ? {} : { token: values.token }),
    },
    mqtt: address('mqtt', values.mqtt ?? found?.mqtt ?? 'mqtt://127.0.0.1:1883', ['mqtt:', 'mqtts:', 'ws:', 'wss:']),
    json: values.json,
  };
}

function scenariosNamed(name: string): readonly Scenario[] {
  if (name === 'all') return scenarios;
  const scenario = scenarios.find((one) => one.name === name);
  if (!scenario) throw new Error(`--scenario "${name}" is none of ${scenarios.map((one) => one.name).join(', ')}, all`);
  return [scenario];
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most) {
    throw new Error(`--${name} is "${text}": give a whole number from ${least} to ${most}`);
  }
  return value;
}

function address(name: string, text: string, protocols: readonly string[]): string {
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
    throw new Error(`--${name} is "${text}": give an address that begins with ${protocols[0]}//`);
  }
  return text;
}
