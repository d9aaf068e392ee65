import { parseArgs } from 'node:util';
import { Connections, type Tally } from './connections.js';
import { Day } from './day.js';
import { createFleet } from './fleet.js';
import { PlatformApi } from './platform-api.js';
import { registerFleet } from './registration.js';
import { play, type Scenario, scenarios } from './scenarios.js';

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    mqtt: { type: 'string', default: 'mqtt://127.0.0.1:1883' },
    devices: { type: 'string', default: '300' },
    duration: { type: 'string', default: '0' },
    speed: { type: 'string', default: '60' },
    scenario: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: '1' },
    login: { type: 'string', default: 'admin' },
    password: { type: 'string' },
    token: { type: 'string' },
    'data-dir': { type: 'string', default: './data' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const help = `npm run sim -- [options]
Registers a simulated fleet through the REST API, connects each device over MQTT and lets its days pass.
登记并连接一批模拟设备（水表、车位、烟感），按真实协议上报。

  --devices 300     how many devices: six meters in ten, then bays and detectors   设备数
  --duration 0      seconds to run; 0 until Ctrl-C                                  运行秒数
  --speed 60        how many times faster than ours the city's day passes           时间倍率
  --scenario NAME   what happens, may be given several times:                       场景
${scenarios.map(({ name, meaning }) => `      ${name.padEnd(18)} ${meaning}`).join('\n')}
  --seed 1          the same seed is the same fleet                                 随机种子
  --url, --mqtt     the platform's addresses (http://127.0.0.1:3000, mqtt://127.0.0.1:1883)
  --login, --password, --token, --data-dir
                    who registers: by default admin with the password that the platform left in ./data
  --json            one summary object on the last line, nothing else               输出 JSON
`;

if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
try {
  await run();
  process.exit(0);
} catch (error) {
  process.stderr.write(`\nsim: ${(error as Error).message}\n`);
  process.exit(1);
}

async function run(): Promise<void> {
  const size = wholeNumber('devices', values.devices, 1, 20_000);
  const speed = wholeNumber('speed', values.speed, 1, 86_400);
  const durationMs = wholeNumber('duration', values.duration, 0, 31_536_000) * 1_000;
  const seed = wholeNumber('seed', values.seed, 0, 2_147_483_647);
  const chosen = values.scenario.map(scenarioNamed);
  const dawn = Date.now();
  const fleet = createFleet(size, seed, dawn);
  const api = new PlatformApi({
    url: values.url,
    login: values.login,
    dataDir: values['data-dir'],
    ...(values.password === undefined ? {} : { password: values.password }),
    ...(values.token === undefined ? {} : { token: values.token }),
  });
  await api.open();
  const secrets = await registerFleet(api, fleet, speed, (count) => show(`registered ${count} of ${size}`));
  const connections = new Connections(values.mqtt);
  await connections.open(fleet, secrets, () => show(`connected ${connections.tally.connected} of ${size}`));
  const day = new Day(fleet, connections, speed, dawn);
  day.start();
  const happened = chosen.flatMap((scenario) =>
    play(scenario, fleet, day.now()).map((device) => ({ scenario: scenario.name, device: device.id })),
  );
  for (const { scenario, device } of happened) note(`${scenario}: ${device}`);
  await liveUntilDone(durationMs, () => show(progress(connections.tally)));
  day.stop();
  await connections.close();
  const summary = { devices: size, ...counted(connections.tally), scenarios: happened };
  process.stdout.write(values.json ? `${JSON.stringify(summary)}\n` : `\n${progress(connections.tally)}\n`);
}

function scenarioNamed(name: string): Scenario {
  const scenario = scenarios.find((one) => one.name === name);
  if (!scenario) throw new Error(`--scenario "${name}" is none of ${scenarios.map((one) => one.name).join(', ')}`);
  return scenario;
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`--${name} is "${text}": give a whole number from ${least} to ${most}`);
  }
  return value;
}

/** Resolves after `durationMs` (0: never) or at Ctrl-C. */
function liveUntilDone(durationMs: number, everySecond: () => void): Promise<void> {
  return new Promise((resolve) => {
    const ticking = setInterval(everySecond, 1_000);
    const done = () => {
      clearInterval(ticking);
      resolve();
    };
    if (durationMs > 0) setTimeout(done, durationMs);
    process.once('SIGINT', done);
    process.once('SIGTERM', done);
  });
}

function counted(tally: Tally) {
  return { published: tally.published, acknowledged: tally.acknowledged, failed: tally.failed };
}

function progress(tally: Tally): string {
  const sorted = [...tally.acknowledgeMs].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return `connected 在线 ${tally.connected}  published 上报 ${tally.published}  acknowledged 已确认 ${tally.acknowledged}  PUBACK p50 ${middle.toFixed(1)} ms`;
}

/** The live line: rewritten in place on a terminal. */
function show(text: string): void {
  if (values.json) return;
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
}

function note(text: string): void {
  if (!values.json) process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${text}\n`);
}
