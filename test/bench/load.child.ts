import { runMqttLoad } from '../../devices-sim/load/mqtt-load.js';
import type { LoadJob } from './load.js';

// The load generator, in a process of its own: a job as JSON on standard input, its outcome on standard output.
const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
const job = JSON.parse(Buffer.concat(chunks).toString()) as LoadJob;

const result = await runMqttLoad({
  host: '127.0.0.1',
  port: job.port,
  devices: job.devices,
  window: job.window,
  qos: 1,
  durationMs: job.durationMs,
  ...(job.ratePerSecond === undefined ? {} : { ratePerSecond: job.ratePerSecond }),
  payload: (_device, sequence) => {
    const seq = job.sequenceBase + sequence;
    return `{"time":"${new Date().toISOString()}","seq":${seq},"values":{"metering.water.total":${seq}.25,"flowRate":${(seq % 1000) / 10},"battery":3.61234567}}`;
  },
});
process.stdout.write(
  `${JSON.stringify({ ...result, acknowledgedUpTo: Object.fromEntries(result.acknowledgedUpTo) })}\n`,
);
process.exit(0);
