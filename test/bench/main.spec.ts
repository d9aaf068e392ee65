import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** The programs beside the tests run outside Jest: what they import must, too. */
describe('the programs that measure and break', () => {
  it.each(['bench', 'faults'])('npm run %s -- --help says how it is called', (name) => {
    const program = join('dist', 'test', name, 'main.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`npm run ${name} -- `);
  });

  it('questions are asked of a year of readings, and are answered', () => {
    const program = join('dist', 'test', 'bench', 'main.js');
    const size = ['--readings', '8000', '--devices', '20', '--repeats', '3'];
    const { stdout, stderr } = spawnSync(process.execPath, [program, 'query', '--json', ...size], { encoding: 'utf8' });
    expect(stdout).not.toBe('');
    const result = JSON.parse(stdout) as { readings: number; questions: Record<string, { readingsCovered: number }> };
    expect(result.readings).toBeGreaterThan(7_000);
    expect(result.questions['a day of one device']?.readingsCovered).toBe(24);
    expect(Object.values(result.questions).every(({ readingsCovered }) => readingsCovered > 0)).toBe(true);
    expect(stderr).toContain('rolling up');
  }, 120_000);

  it('the balance of partitions is simulated, the same for the same seed', () => {
    const run = () =>
      spawnSync(
        process.execPath,
        [join('dist', 'test', 'bench', 'main.js'), 'balance', '--json', '--devices', '20000'],
        {
          encoding: 'utf8',
        },
      ).stdout;
    const first = run();
    const { balance } = JSON.parse(first) as { balance: { partitions: number; devicesMaxToMean: number }[] };
    expect(balance.map(({ partitions }) => partitions)).toEqual([16, 64, 256]);
    for (const { devicesMaxToMean } of balance) expect(devicesMaxToMean).toBeGreaterThan(1);
    expect(balance[0]?.devicesMaxToMean).toBeLessThan(1.15);
    expect(run()).toBe(first);
  });
});
