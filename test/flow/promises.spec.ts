import { describe } from '@jest/globals';
import { PlatformProcess } from '../platform/platform-process.js';
import { describePromises } from './promises.js';

// The real process, with its threads.
describe('all in one process, on the embedded engines', () => describePromises(() => PlatformProcess.create()));
