export { RedisStreamLog, type RedisStreamLogOptions } from './redis-stream-log.js';
