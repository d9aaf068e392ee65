export { LmdbStreamLog, type LmdbStreamLogOptions } from './lmdb-stream-log.js';
