import { parseArgs } from 'node:util';
import { runFaults } from './faults.js';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '10' },
    devices: { type: 'string', default: '40' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(
    [
      'npm run faults -- [--cycles 10] [--devices 40] [--json]',
      'Kills the platform (SIGKILL) at random moments under load, starts it again, and then counts what was',
      'acknowledged and not stored, stored twice, and alarmed but not delivered. Ends with 1 where any is not 0.',
      '',
    ].join('\n'),
  );
  process.exit(0);
}

const say = (text: string) => {
  if (!values.json || process.stderr.isTTY) process.stderr.write(`${text}\n`);
};
const result = await runFaults({ cycles: Number(values.cycles), devices: Number(values.devices), say });
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
process.exit(result.lost + result.duplicated + result.alertsLost + result.alertsRaisedTwice === 0 ? 0 : 1);
