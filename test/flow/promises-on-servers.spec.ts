import { describe } from '@jest/globals';
import { enginesOffer, startEngines } from '../platform/engines.js';
import { SplitPlatform } from '../platform/split-platform.js';
import { describePromises, type PromisingPlatform } from './promises.js';

const kinds = ['redis', 'postgresql', 'influxdb'] as const;
const offer = enginesOffer(kinds);

(offer.available ? describe : describe.skip)(`in processes, on ${offer.title}`, () => describePromises(open));

async function open(): Promise<PromisingPlatform> {
  const engines = await startEngines(kinds);
  const shape = { gateways: 1, pipelines: 1, notifiers: 1 };
  const platform = await SplitPlatform.create(engines, shape, { STREAM_PARTITIONS: '16' });
  return {
    get url() {
      return platform.url;
    },
    mqttUrl: platform.mqttUrls[0] ?? '',
    adminPassword: () => platform.adminPassword(),
    start: () => platform.start(),
    kill: () => platform.kill(),
    remove: async () => {
      await platform.remove();
      await engines.stop();
    },
  };
}
