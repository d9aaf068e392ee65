import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a platform is reached. */
export interface PlatformAddress {
  url: string;
  mqtt: string;
}

const usual: PlatformAddress = { url: 'http://127.0.0.1:3000', mqtt: 'mqtt://127.0.0.1:1883' };

/** The addresses of the platform that runs on the data folder on this machine; where none does, the usual ones. */
export function platformAddress(dataDir: string): PlatformAddress {
  try {
    const { pid, httpPort, mqttPort } = JSON.parse(readFileSync(join(dataDir, 'listening.json'), 'utf8')) as {
      pid: number;
      httpPort: number;
      mqttPort: number;
    };
    process.kill(pid, 0);
    return { url: `http://127.0.0.1:${httpPort}`, mqtt: `mqtt://127.0.0.1:${mqttPort}` };
  } catch {
    return usual;
  }
}
