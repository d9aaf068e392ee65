import { afterEach, beforeEach, describe } from '@jest/globals';
import { describeAppend } from './append.contract.js';
import { describeBackup } from './backup.contract.js';
import { ContractRun, type TelemetryStoreHarness } from './contract-run.js';
import { describeDeletion } from './deletion.contract.js';
import { describeDownsample } from './downsample.contract.js';
import { describeQueries } from './query.contract.js';
import { describeRollups } from './rollup.contract.js';

/** The contract of the telemetry-store port, to be run against every adapter. */
export function describeTelemetryStore(name: string, harness: TelemetryStoreHarness): void {
  describe(`telemetry store: ${name}`, () => {
    const run = new ContractRun(harness);
    beforeEach(() => run.start());
    afterEach(() => run.stop());

    describeAppend(run);
    describeQueries(run);
    describeDownsample(run);
    describeRollups(run);
    describeDeletion(run);
    describeBackup(run);
  });
}
