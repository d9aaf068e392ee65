import { expect, it } from '@jest/globals';
import { runFaults } from '../faults/faults.js';

it('loses nothing that was acknowledged, stores nothing twice and delivers every alarm through three crashes', async () => {
  const said: string[] = [];
  const result = await runFaults({ cycles: 3, devices: 10, say: (text) => said.push(text) });
  expect({ result, said }).toMatchObject({
    result: { lost: 0, duplicated: 0, alertsLost: 0, alertsRaisedTwice: 0 },
  });
  expect(result.acknowledged).toBeGreaterThan(100);
  expect(result.alarms).toBeGreaterThan(3);
}, 300_000);
