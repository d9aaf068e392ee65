import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../platform/api-client.js';
import { PlatformProcess } from '../platform/platform-process.js';

interface Summary {
  devices: number;
  published: number;
  acknowledged: number;
  failed: number;
  alerts: number;
  scenarios: { scenario: string; device: string; alert: string | null; alertAfterSeconds: number | null }[];
}

interface Alert {
  device: { id: string };
  titles: { en: string };
  openedAt: string;
}

const run = promisify(execFile);

describe('the simulator, against the real platform', () => {
  let platform: PlatformProcess;

  beforeAll(async () => {
    platform = await PlatformProcess.create();
    await platform.start();
  }, 120_000);

  afterAll(() => platform.remove(), 60_000);

  function simulate(...options: string[]): Promise<{ stdout: string; stderr: string }> {
    const where = ['--data-dir', platform.dataDir, '--devices', '24'];
    return run(process.execPath, [join('dist', 'devices-sim', 'main.js'), ...where, ...options]);
  }

  it('raises what its scenarios promise and nothing else, also when it comes back', async () => {
    const chosen = ['smoke', 'fire-lane', 'two-detectors', 'burst'].flatMap((name) => ['--scenario', name]);
    const first = JSON.parse((await simulate('--json', '--duration', '16', ...chosen)).stdout) as Summary;
    expect(first).toMatchObject({ devices: 24, failed: 0, acknowledged: first.published });
    expect(first.published).toBeGreaterThan(24 * 10);
    expect(first.scenarios.filter(({ alertAfterSeconds }) => alertAfterSeconds === null)).toEqual([]);
    // Three detectors alarm, two of them in one building; a car; a burst.
    expect(first.alerts).toBe(6);

    const began = Date.now();
    const again = JSON.parse(
      (await simulate('--json', '--duration', '7', '--scenario', 'fire-lane')).stdout,
    ) as Summary;
    const api = await ApiClient.logIn(platform);
    const alerts = async (query: string) =>
      (await api.call<{ items: Alert[] }>('GET', `/api/v1/alerts?${query}`)).items;
    // First, so that a failure says which alert nobody had expected.
    const raised = (await alerts('limit=50')).filter(({ openedAt }) => Date.parse(openedAt) >= began);
    const victim = again.scenarios[0]?.device;
    expect(raised.map(({ titles, device }) => `${titles.en}: ${device.id}`)).toEqual([
      expect.stringContaining(`: ${victim}`),
    ]);
    expect(again).toMatchObject({ failed: 0, acknowledged: again.published, alerts: 1 });
    expect(again.scenarios[0]?.alert).toEqual(expect.any(String));
    expect((await alerts('status=open')).map(({ device }) => device.id)).toEqual([victim]);
  }, 120_000);

  it.each([
    [['--url', 'http://127.0.0.1:9'], 'the platform does not answer at http://127.0.0.1:9'],
    [['--password', 'wrong'], 'did not accept login "admin" with --password'],
    [['--scenario', 'flood'], '--scenario "flood" is none of leaking-household'],
    [['--devices', 'many'], '--devices is "many": give a whole number'],
  ])('says what is wrong and how to mend it: %j', async (options, message) => {
    await expect(simulate(...options)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
  });
});
