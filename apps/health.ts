import { get } from 'node:http';
import { operationsPorts } from './operations-ports.js';

/** Where each role tells its health: the setting that names the port, and the port without it. */
const healthPorts = {
  'all-in-one': { setting: 'HTTP_PORT', byDefault: 3000 },
  api: { setting: 'HTTP_PORT', byDefault: 3000 },
  gateway: { setting: 'OPERATIONS_PORT', byDefault: operationsPorts.gateway },
  pipeline: { setting: 'OPERATIONS_PORT', byDefault: operationsPorts.pipeline },
  notifier: { setting: 'OPERATIONS_PORT', byDefault: operationsPorts.notifier },
} as const;

/** What a process of the platform can be. */
export type Role = keyof typeof healthPorts;

const timeoutMs = 5_000;

/**
 * Asks the role's process on this machine whether it is ready, says what it answered, and ends with 0 where it is, else
 * with 1. It loads nothing of the platform: a container is asked every few seconds, for as long as it runs.
 */
export function tellHealth(role: Role): void {
  const { setting, byDefault } = healthPorts[role];
  const url = `http://127.0.0.1:${process.env[setting] || byDefault}/health/ready`;
  const tell = (text: string, ready: boolean) => {
    process.stdout.write(`${url}: ${text}\n`);
    process.exitCode = ready ? 0 : 1;
  };
  const request = get(url, { timeout: timeoutMs, agent: false }, (answer) => {
    let body = '';
    answer.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    answer.on('end', () => tell(body, answer.statusCode === 200));
  });
  request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  request.on('error', (error) => tell(error.message, false));
}
