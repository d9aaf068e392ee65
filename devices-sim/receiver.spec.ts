import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const body = JSON.stringify({
  id: 'one',
  type: 'cn.citysense.alert.raised',
  time: '2026-11-22T04:00:00.000Z',
  sequence: '7',
  data: {
    severity: 'critical',
    titles: { zh: '烟雾报警', en: 'Smoke alarm' },
    device: { id: 'smoke-1', building: 'Tower 1' },
  },
});

let child: ChildProcess | undefined;

afterEach(() => {
  child?.kill('SIGKILL');
});

async function start(...args: string[]): Promise<{ url: string; lines: string[] }> {
  const running = spawn(process.execPath, [
    fileURLToPath(new URL('./receiver.js', import.meta.url)),
    '--port',
    '0',
    ...args,
  ]);
  child = running;
  const lines: string[] = [];
  running.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trim().split('\n')));
  const url = await new Promise<string>((resolve) => {
    running.stderr.on('data', (chunk: Buffer) => {
      const match = /http:\S+?(?=,)/.exec(chunk.toString());
      if (match) resolve(match[0]);
    });
  });
  return { url, lines };
}

async function send(url: string, at = Date.now(), signedWith = secret): Promise<number> {
  const timestamp = String(Math.floor(at / 1_000));
  const key = Buffer.from(signedWith.slice(6), 'base64');
  const signature = createHmac('sha256', key).update(`one.${timestamp}.${body}`).digest('base64');
  const headers = { 'webhook-id': 'one', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  return (await fetch(url, { method: 'POST', headers, body })).status;
}

async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 500 && !condition(); n++) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('the receiver', () => {
  it('prints what is signed well in one line, and tells a repetition', async () => {
    const { url, lines } = await start('--secret', secret);
    expect([await send(url), await send(url)]).toEqual([204, 204]);
    await until(() => lines.length >= 2);
    expect(lines[0]).toBe(
      '2026-11-22T04:00:00.000Z  ✓  #7  alert.raised  critical  烟雾报警 Smoke alarm  smoke-1  Tower 1',
    );
    expect(lines[1]).toContain('repeated');
  });

  it('refuses what is not', async () => {
    const { url } = await start('--secret', secret);
    expect(await send(url, Date.now() - 400_000)).toBe(401);
    expect(await send(url, Date.now(), 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')).toBe(401);
  });

  it('fails on purpose, and prints JSON', async () => {
    const failing = await start('--fail-rate', '1');
    expect(await send(failing.url)).toBe(500);
    child?.kill('SIGKILL');
    const { url, lines } = await start('--json');
    await send(url);
    await until(() => lines.length >= 1);
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ verdict: 'unverified', event: { id: 'one' } });
  });
});
