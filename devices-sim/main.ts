import { type AlertView, AlertWatch } from './alert-watch.js';
import { Connections, type Tally } from './connections.js';
import { Day } from './day.js';
import { prepareRules } from './faster-rules.js';
import { createFleet } from './fleet.js';
import { hourOfDay } from './models/device-model.js';
import { type Options, readOptions } from './options.js';
import { PlatformApi } from './platform-api.js';
import { Promises } from './promises.js';
import { registerFleet } from './registration.js';
import { alertAfterSeconds, cast } from './scenarios.js';
import { Screen } from './screen.js';
import { waitUntilShown } from './shown.js';

const switchOnMs = 2_000;
/** Every device has said that all is well before something happens to it. */
const earliestIncidentMs = 4_000;
const hourMs = 3_600_000;
const morningHour = 6;

try {
  const options = readOptions(process.argv.slice(2));
  if (options) await run(options, new Screen(options.json));
  process.exit(0);
} catch (error) {
  process.stderr.write(`\nsim: ${(error as Error).message}\n`);
  process.exit(1);
}

async function run(options: Options, screen: Screen): Promise<void> {
  const { seed, speed, devices: size } = options;
  const dawn = beginOfDay(speed);
  const fleet = createFleet(size, seed, dawn, switchOnMs * speed);
  const castings = cast(options.scenarios, fleet);
  const silent = new Set(
    castings.filter(({ scenario }) => scenario.incident === 'silence').flatMap(({ victims }) => victims),
  );

  const api = new PlatformApi(options.access);
  await api.open();
  const promises = new Promises(castings, await prepareRules(api, seed, speed, options.scenarios));
  const secrets = await registerFleet(api, { fleet, seed, speed, silent }, (count) =>
    screen.show(`registered 登记 ${count} of ${size}`),
  );
  const connections = new Connections(options.mqtt);
  await connections.open(fleet, secrets, () => screen.show(`connected 连接 ${connections.connected} of ${size}`));

  const watch = new AlertWatch(api, new Set(fleet.map(({ id }) => id)), (alert) =>
    screen.note(alertLine(alert, promises.keep(alert))),
  );
  await watch.start();
  const day = new Day(fleet, (device, topic, payload) => connections.publish(device, topic, payload), speed, dawn);
  for (const casting of castings) {
    const { scenario, victims } = casting;
    day.at(dawn + Math.max(scenario.afterHours * hourMs, earliestIncidentMs * speed), () => {
      for (const { model } of victims) model.suffer(scenario.incident, day.now());
      promises.happened(casting);
      const about = Math.ceil(alertAfterSeconds(scenario, speed));
      screen.note(
        `${scenario.name} ${scenario.meaning}: ${victims.map(({ id }) => id).join(', ')}; alert in about ${about} s`,
      );
    });
  }
  const started = performance.now();
  const interrupted = interruption(screen);
  day.start();
  await liveUntilDone(options.durationMs, interrupted, () => screen.show(progress(connections, day, watch)));
  const seconds = Math.round((performance.now() - started) / 1_000);
  day.stop();
  const lastLine = progress(connections, day, watch);
  await connections.close();
  const unseen = await waitUntilShown(
    (ids) => api.latest(ids),
    day.lastWords,
    (left) => screen.show(`stored 等待入库: ${left} of ${size} left`),
  );
  await watch.stop();
  const { published, acknowledged, failed } = connections.tally;
  const outcomes = promises.outcomes();
  screen.note(lastLine);
  if (unseen > 0) screen.note(`the last readings of ${unseen} device(s) do not show yet 部分最后读数尚未可查`);
  for (const { scenario, device } of outcomes.filter(({ alert }) => alert === null)) {
    screen.note(`${scenario}: no alert came for ${device} before the end 结束前未产生告警`);
  }
  const summary = {
    devices: size,
    seed,
    speed,
    seconds,
    published,
    acknowledged,
    failed,
    acknowledgeMs: { p50: percentile(connections.tally, 50), p99: percentile(connections.tally, 99) },
    alerts: watch.raised,
    scenarios: outcomes,
  };
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
}

/** The simulated clock begins in the morning of today, so that there is something to see; at our own pace it is ours. */
function beginOfDay(speed: number): number {
  const now = Date.now();
  return speed === 1 ? now : now + Math.round((morningHour - hourOfDay(now)) * hourMs);
}

/** Resolves at Ctrl-C; a second one ends at once. Until it is asked for, the first one does. */
function interruption(screen: Screen): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = () => {
      if (asked) process.exit(130);
      asked = true;
      screen.note('stopping 正在停止');
      resolve();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}

/** Resolves after `durationMs` (0: never) or when interrupted. */
async function liveUntilDone(durationMs: number, interrupted: Promise<void>, everySecond: () => void): Promise<void> {
  const ticking = setInterval(everySecond, 1_000);
  const over = new Promise<void>((resolve) => {
    if (durationMs > 0) setTimeout(resolve, durationMs);
  });
  await Promise.race([over, interrupted]);
  clearInterval(ticking);
}

function alertLine(alert: AlertView, kept: { scenario: string; afterSeconds: number } | undefined): string {
  const { severity, titles, device, id } = alert;
  const promise = kept ? `  ✓ ${kept.scenario} after ${kept.afterSeconds} s` : '';
  return `alert raised 告警: ${severity}  ${titles.zh} ${titles.en}  ${device.id}  ${id}${promise}`;
}

function progress(connections: Connections, day: Day, watch: AlertWatch): string {
  const { published, acknowledged } = connections.tally;
  const hour = hourOfDay(day.now());
  const clock = `${String(Math.floor(hour)).padStart(2, '0')}:${String(Math.floor((hour % 1) * 60)).padStart(2, '0')}`;
  return [
    clock,
    `connected 在线 ${connections.connected}`,
    `published 上报 ${published}`,
    `acknowledged 已确认 ${acknowledged}`,
    `PUBACK p50 ${percentile(connections.tally, 50)} ms`,
    `alerts 告警 ${watch.raised}`,
  ].join('  ');
}

function percentile({ acknowledgeMs }: Tally, percent: number): number {
  const sorted = [...acknowledgeMs].sort((a, b) => a - b);
  return Math.round((sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? 0) * 10) / 10;
}
