export { type BrowserOffer, browserOffer } from './browser.js';
export { bucketToken, dropBucket, ensureBucket, type InfluxdbLogin, influxdbLogin } from './influxdb-2.js';
export type { ServerKind } from './programs.js';
export type { ServerProcess } from './server-process.js';
export { ownServerOffer, type ServerOffer, serverOffer, startServer, type TestServer } from './test-server.js';
