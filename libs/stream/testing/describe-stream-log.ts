import { describe } from '@jest/globals';
import { describeAppends } from './append-contract.js';
import type { OpenLog } from './contract-scene.js';
import { describeCopies } from './copy-contract.js';
import { describeCounts } from './count-contract.js';
import { describeGroups } from './group-contract.js';
import { describeMembership } from './membership-contract.js';
import { describeRetention } from './retention-contract.js';

/** What every adapter of the stream port must do, run on its real engine. `open` gives a log of 4 partitions without data. */
export function describeStreamLog(name: string, open: OpenLog): void {
  describe(`stream log: ${name}`, () => {
    describeAppends(open);
    describeGroups(open);
    describeCounts(open);
    describeCopies(open);
    describeMembership(open);
    describeRetention(open);
  });
}
