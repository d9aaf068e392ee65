import { parseArgs } from 'node:util';
import { benchIngest } from './ingest.bench.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: 'embedded' },
    json: { type: 'boolean', default: false },
    connections: { type: 'string', default: '1000' },
    window: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    idle: { type: 'string', default: '10000' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help || positionals[0] !== 'ingest' || !['embedded', 'server'].includes(values.engines)) {
  process.stdout.write(
    [
      'npm run bench -- ingest [--engines embedded|server] [--json] [--connections 1000] [--window 1] [--rounds 3] [--seconds 10] [--idle 10000]',
      'Messages acknowledged, normalised, stored and judged per second over MQTT, as a ratio to a bare broker in the',
      'same run (each device waits for its PUBACK; --window lets it send ahead); loss and duplicates counted message by message; alarm and query latency at half load; idle connections.',
      '--engines server: gateway, pipeline, notifier and API as processes on Redis (appendfsync always), PostgreSQL, InfluxDB.',
      '',
    ].join('\n'),
  );
  process.exit(values.help ? 0 : 1);
}

const result = await benchIngest({
  engines: values.engines === 'server' ? 'server' : 'embedded',
  connections: Number(values.connections),
  window: Number(values.window),
  rounds: Number(values.rounds),
  secondsPerRound: Number(values.seconds),
  idleConnections: Number(values.idle),
  say: (text) => process.stderr.write(`${text}\n`),
});
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
process.exit(0);
