import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runFaults } from './faults.js';
import { isKept, runServerFaults } from './server-faults.js';

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: 'embedded' },
    cycles: { type: 'string' },
    devices: { type: 'string', default: '40' },
    down: { type: 'string', default: '60' },
    frozen: { type: 'string', default: '30' },
    'upgrade-from': { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help || !['embedded', 'server'].includes(values.engines)) {
  process.stdout.write(
    [
      'npm run faults -- [--cycles 10] [--devices 40] [--json]',
      'Kills the platform (SIGKILL) at random moments under load, starts it again, and then counts what was',
      'acknowledged and not stored, stored twice, and alarmed but not delivered. Ends with 1 where any is not 0.',
      '',
      'npm run faults -- --engines server [--cycles 1] [--devices 40] [--down 60] [--frozen 30] [--json]',
      'The same in processes on Redis, PostgreSQL and InfluxDB: each process is killed and frozen (--frozen seconds), each',
      'engine is killed and frozen (--down seconds), in turn. Also counts what came out of order; ends with 1 too where',
      'anything was not ready again within 30 s.',
      '',
      'npm run faults -- --engines server --upgrade-from <folder> [--devices 40] [--json]',
      'The same while a running system is upgraded, process after process, from the release that is installed and built in',
      'the folder (npm start there once) to this one; before the gateways it is taken back once and upgraded again.',
      '',
    ].join('\n'),
  );
  process.exit(values.help ? 0 : 1);
}

const say = (text: string) => process.stderr.write(`${text}\n`);
const devices = Number(values.devices);
const { result, kept } = values.engines === 'server' ? await onServers() : await embedded();
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
process.exit(kept ? 0 : 1);

async function embedded() {
  const outcome = await runFaults({ cycles: Number(values.cycles ?? 10), devices, say });
  const { lost, duplicated, alertsLost, alertsRaisedTwice } = outcome;
  return { result: outcome, kept: lost + duplicated + alertsLost + alertsRaisedTwice === 0 };
}

async function onServers() {
  const outcome = await runServerFaults({
    cycles: Number(values.cycles ?? 1),
    devices,
    engineDownMs: Number(values.down) * 1_000,
    frozenMs: Number(values.frozen) * 1_000,
    upgradeFrom: values['upgrade-from'] === undefined ? undefined : resolve(values['upgrade-from']),
    say,
  });
  return { result: outcome, kept: isKept(outcome) };
}
