import { ApiClient } from '../platform/api-client.js';
import { type Engines, startEngines } from '../platform/engines.js';
import { eventually } from '../platform/eventually.js';
import { countOutOfOrder, countShown } from '../platform/shown-count.js';
import { SplitPlatform } from '../platform/split-platform.js';
import { WebhookDesk } from '../platform/webhook-desk.js';
import { AlarmingDetector } from './alarms.js';
import { FaultFleet } from './fleet.js';
import { pause, register, settle, untilShown } from './promised-work.js';

const pauseBetweenReadingsMs = 100;
const calmMs = 2_000;
const drainTimeoutMs = 300_000;
/** How soon everything must be ready again. */
const readyWithinMs = 30_000;

/** How hard the platform on server engines is tried. */
export interface ServerFaultOptions {
  /** How often each process and each engine has its turn. */
  cycles: number;
  devices: number;
  /** How long an engine stays down or frozen, and a process frozen. */
  engineDownMs: number;
  frozenMs: number;
  /** Where the release before is installed and built: then the faults are the upgrade from it to this one. */
  upgradeFrom?: string | undefined;
  say: (text: string) => void;
}

/** What came of it: everything lost, duplicated, out of order or raised twice must be 0, and `slowestReadyMs` at most 30 s. */
export interface ServerFaultResult {
  engines: 'server';
  cycles: number;
  faults: number;
  acknowledged: number;
  lost: number;
  duplicated: number;
  outOfOrder: number;
  alarms: number;
  alertsLost: number;
  alertsRaisedTwice: number;
  webhooks: number;
  /** From the moment that what was ended or frozen runs again until every process is ready. */
  slowestReadyMs: number;
  slowestReadyAfter: string;
}

/** Something to be done to the platform, and undone. */
interface Fault {
  name: string;
  begin(): Promise<void>;
  lastsMs: number;
  end(): Promise<void>;
}

/**
 * Kills and freezes each process and each engine in turn under load, or upgrades process after process from the release
 * before, then counts what had been promised.
 */
export async function runServerFaults(options: ServerFaultOptions): Promise<ServerFaultResult> {
  const { cycles, devices, upgradeFrom, say } = options;
  const engines = await startEngines(['redis', 'postgresql', 'influxdb']);
  const settings = { NOTIFIER_ALLOW_LOOPBACK: 'true', STREAM_PARTITIONS: '16' };
  const platform = await SplitPlatform.create(engines, { gateways: 2, pipelines: 2, notifiers: 2 }, settings);
  const desk = await WebhookDesk.open();
  const began = Date.now();
  try {
    if (upgradeFrom !== undefined) for (const one of platform.processes) one.runs(upgradeFrom);
    await platform.start();
    const { meters, detector } = await register(platform, devices, desk.url);
    const half = Math.ceil(meters.length / 2);
    const [here = '', there = ''] = platform.mqttUrls;
    const fleets = [
      new FaultFleet([here, there], meters.slice(0, half), pauseBetweenReadingsMs),
      new FaultFleet([there, here], meters.slice(half), pauseBetweenReadingsMs),
    ];
    const alarming = new AlarmingDetector([here, there], detector.id, detector.secret);
    await Promise.all([...fleets.map((fleet) => fleet.start()), alarming.start()]);
    const faults =
      upgradeFrom === undefined
        ? Array.from({ length: cycles }, () => faultsOf(platform, engines, options)).flat()
        : upgradeOf(platform, upgradeFrom);
    const slowest = await suffer(platform, faults, say);
    await Promise.all([...fleets.map((fleet) => fleet.stop()), alarming.stop()]);
    await untilDrained(platform);
    const raised = await settle(desk, alarming.alarms, say);
    const api = await ApiClient.logIn(platform);
    await untilShown(api, meters);
    const promised = new Map(meters.map((meter) => [meter.id, [...meter.acknowledged]]));
    return {
      engines: 'server',
      cycles,
      faults: faults.length,
      ...(await countShown(api, promised, began)),
      outOfOrder: await countOutOfOrder(api, promised.keys(), began),
      alarms: alarming.alarms.length,
      alertsLost: alarming.alarms.filter((at) => !raised.has(at)).length,
      alertsRaisedTwice: [...raised.values()].filter((ids) => ids.size > 1).length,
      webhooks: desk.received.length,
      slowestReadyMs: Math.round(slowest.ms),
      slowestReadyAfter: slowest.after,
    };
  } finally {
    desk.stop();
    await platform.remove();
    await engines.stop();
  }
}

/** True where everything promised was kept. */
export function isKept(result: ServerFaultResult): boolean {
  const { lost, duplicated, outOfOrder, alertsLost, alertsRaisedTwice, slowestReadyMs } = result;
  return lost + duplicated + outOfOrder + alertsLost + alertsRaisedTwice === 0 && slowestReadyMs <= readyWithinMs;
}

function faultsOf(platform: SplitPlatform, engines: Engines, options: ServerFaultOptions): Fault[] {
  const { engineDownMs, frozenMs } = options;
  const ofProcesses = platform.processes.flatMap((one): Fault[] => [
    { name: `${one.name} killed`, begin: () => one.kill(), lastsMs: 0, end: async () => one.spawn() },
    { name: `${one.name} frozen`, begin: async () => one.pause(), lastsMs: frozenMs, end: async () => one.resume() },
  ]);
  const ofEngines = [...engines.processes].flatMap(([kind, engine]): Fault[] => [
    { name: `${kind} down`, begin: () => engine.kill(), lastsMs: engineDownMs, end: () => engine.start() },
    {
      name: `${kind} frozen`,
      begin: async () => engine.pause(),
      lastsMs: engineDownMs,
      end: async () => engine.resume(),
    },
  ]);
  return [...ofProcesses, ...ofEngines];
}

/**
 * The upgrade of a running system, in the order of docs/upgrade.md; before its last step, which there is no way back from,
 * it is taken back once and done again.
 */
function upgradeOf(platform: SplitPlatform, before: string): Fault[] {
  const moved = (one: SplitPlatform['processes'][number], folder: string): Fault => ({
    name: `${one.name} ${folder === before ? 'taken back' : 'upgraded'}`,
    begin: async () => {
      await one.stop();
      one.runs(folder);
    },
    lastsMs: 0,
    end: async () => one.spawn(),
  });
  const inOrder = ['pipeline', 'notifier', 'api', 'gateway'].flatMap((role) =>
    platform.processes.filter((one) => one.role === role),
  );
  const here = process.cwd();
  const readers = inOrder.filter(({ role }) => role !== 'gateway');
  return [
    ...readers.map((one) => moved(one, here)),
    ...readers.toReversed().map((one) => moved(one, before)),
    ...inOrder.map((one) => moved(one, here)),
  ];
}

async function suffer(platform: SplitPlatform, faults: readonly Fault[], say: (text: string) => void) {
  const slowest = { ms: 0, after: 'none' };
  for (const [index, fault] of faults.entries()) {
    await pause(calmMs);
    await fault.begin();
    await pause(fault.lastsMs);
    const ended = performance.now();
    await fault.end();
    await Promise.all(platform.processes.map((one) => one.untilReady(drainTimeoutMs)));
    const ms = performance.now() - ended;
    if (ms > slowest.ms) Object.assign(slowest, { ms, after: fault.name });
    say(
      `${index + 1} of ${faults.length}: ${fault.name} for ${fault.lastsMs} ms, all ready after ${Math.round(ms)} ms`,
    );
  }
  await pause(calmMs);
  return slowest;
}

async function untilDrained(platform: SplitPlatform): Promise<void> {
  const drained = async () => {
    const lines = (await platform.metrics()).split('\n').filter((line) => line.startsWith('stage_lag_entries'));
    return lines.every((line) => / 0$/.test(line)) || undefined;
  };
  await eventually(drained, 'the end of the backlog', drainTimeoutMs);
}
