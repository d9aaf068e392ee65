import { parseArgs } from 'node:util';
import { benchBalance } from './balance.bench.js';
import { benchIngest } from './ingest.bench.js';
import { benchQuery } from './query.bench.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: 'embedded' },
    json: { type: 'boolean', default: false },
    connections: { type: 'string', default: '1000' },
    window: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string' },
    idle: { type: 'string', default: '10000' },
    devices: { type: 'string' },
    readings: { type: 'string', default: '10000000' },
    repeats: { type: 'string', default: '100' },
    'roll-up-seconds': { type: 'string', default: '600' },
    partitions: { type: 'string', default: '16,64,256' },
    page: { type: 'string', default: '/overview' },
    rate: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
const say = (text: string) => process.stderr.write(`${text}\n`);

/** Every benchmark: how it is called, what it tells, and how it is run. */
const benches: Readonly<Record<string, { usage: string; tells: string; run: () => Promise<Record<string, unknown>> }>> =
  {
    ingest: {
      usage: '[--engines embedded|server] [--connections 1000] [--window 1] [--rounds 3] [--seconds 20] [--idle 10000]',
      tells: `Messages acknowledged, normalised, stored and judged per second over MQTT, as a ratio to a bare broker in the
  same run (each device waits for its PUBACK; --window lets it send ahead); loss and duplicates counted message by
  message; alarm and query latency at half load; idle connections.
  --engines server: gateway, pipeline, notifier and API as processes on Redis (appendfsync always), PostgreSQL, InfluxDB.`,
      run: () =>
        benchIngest({
          engines: values.engines === 'server' ? 'server' : 'embedded',
          connections: Number(values.connections),
          window: Number(values.window),
          rounds: Number(values.rounds),
          secondsPerRound: Number(values.seconds ?? 20),
          idleConnections: Number(values.idle),
          say,
        }),
    },
    query: {
      usage:
        '[--engines embedded|server] [--readings 10000000] [--devices 10000] [--repeats 100] [--roll-up-seconds 600]',
      tells: `Loads a year of readings into DuckDB (embedded) or InfluxDB (server) through the port, denser in its last weeks, and asks:
  latest of 1,000 devices, a day of one, a year of one by the day, a day of all by the hour; p50 and p99 in milliseconds,
  the readings that an answer covers, and what the engine tells of its work: DuckDB the rows it scanned, InfluxDB the series
  it opened and the blocks of up to 1,000 values it decoded. Starts no platform.`,
      run: () =>
        benchQuery({
          engines: values.engines === 'server' ? 'server' : 'embedded',
          readings: Number(values.readings),
          devices: Number(values.devices ?? 10_000),
          repeats: Number(values.repeats),
          rollUpSeconds: Number(values['roll-up-seconds']),
          say,
        }),
    },
    balance: {
      usage: '[--devices 3000000] [--partitions 16,64,256] [--seed 1]',
      tells:
        'How evenly the devices of a simulated city, and their messages, fall on the partitions. Starts no platform.',
      run: async () =>
        benchBalance({
          devices: Number(values.devices ?? 3_000_000),
          partitions: values.partitions.split(',').map(Number),
          seed: Number(values.seed),
          say,
        }),
    },
    console: {
      usage: '[--page /overview] [--seconds 300] [--devices 200] [--rate 200]',
      tells: `Opens the console in a real Chromium: milliseconds from a cold load until the first page can be used; then leaves a page open
  under live readings and tells its JavaScript heap after a collection each minute, and how long its frames took; then how
  long smoke alarms take from their publish to the inbox.`,
      run: async () => {
        // Only this one needs a browser, which production installs do not bring.
        const { benchConsole } = await import('./console.bench.js');
        return benchConsole({
          page: values.page,
          seconds: Number(values.seconds ?? 300),
          devices: Number(values.devices ?? 200),
          ratePerSecond: Number(values.rate),
          say,
        });
      },
    },
    map: {
      usage: '[--devices 100000] [--seconds 20]',
      tells: `The map of a whole city: how long the API takes to tell all its devices, the size of that, and how long until they are drawn
  in a real Chromium (without a graphics card); then its frames while a hand drags and zooms the map, at rest and while
  devices change.`,
      run: async () => {
        const { benchMap } = await import('./map.bench.js');
        return benchMap({
          devices: Number(values.devices ?? 100_000),
          seconds: Number(values.seconds ?? 20),
          say,
        });
      },
    },
  };

const bench = benches[positionals[0] ?? ''];
if (values.help || !bench || !['embedded', 'server'].includes(values.engines)) {
  for (const [name, { usage, tells }] of Object.entries(benches)) {
    process.stdout.write(`npm run bench -- ${name} [--json] ${usage}\n  ${tells}\n\n`);
  }
  process.exit(values.help ? 0 : 1);
}

const result = await bench.run();
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
process.exit(0);
