import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';

const ports = { 'all-in-one': 'HTTP_PORT', api: 'HTTP_PORT' } as Readonly<Record<string, string>>;
const settingOf = (role: string) => ports[role] ?? 'OPERATIONS_PORT';

/** Runs the program; gives its exit code and what it printed. */
async function run(args: readonly string[], settings: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join('dist', 'apps', 'main.js'), ...args], {
    env: { PATH: process.env.PATH, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { code: code as number, printed };
}

describe.each(['all-in-one', 'gateway', 'pipeline', 'notifier', 'api'])('%s --health', (role) => {
  it('ends with 0 where the one on this machine is ready, else with 1, and says what it said', async () => {
    let status = 503;
    const server = createServer((request, answer) => {
      answer.writeHead(request.url === '/health/ready' ? status : 404).end(`{"ready":${status === 200}}`);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const settings = { [settingOf(role)]: String((server.address() as AddressInfo).port) };
    expect(await run([role, '--health'], settings)).toMatchObject({
      code: 1,
      printed: expect.stringContaining('false'),
    });
    status = 200;
    expect(await run([role, '--health'], settings)).toMatchObject({
      code: 0,
      printed: expect.stringContaining('true'),
    });
    server.close();
    const unanswered = { code: 1, printed: expect.stringContaining('ECONNREFUSED') };
    expect(await run([role, '--health'], settings)).toMatchObject(unanswered);
  });

  it('asks where the role listens unless it is told otherwise', async () => {
    const [{ printed }, help] = await Promise.all([run([role, '--health']), run([role, '--help'])]);
    const [, port] = /^http:\/\/127\.0\.0\.1:(\d+)\//.exec(printed) ?? [];
    expect(help.printed).toContain(`\n  ${settingOf(role)}=${port}\n`);
  });
});
