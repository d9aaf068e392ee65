/** Imports point downward; a driver is imported only in its adapter's folder. */
const layers = [
  'contracts',
  'runtime',
  'stream|telemetry-store|registry-db',
  'access',
  'devices',
  'gateway|normaliser|readings|rules|alerts|notifier|dead-letters|messages|overview|backup',
];
const features = layers.at(-1).split('|');
const spec = '[.]spec[.]ts$';

const upward = layers.slice(0, -1).map((layer, index) => ({
  name: `downward-only-${layer.split('|')[0]}`,
  comment: 'Imports point downward: apps, features, devices, access, ports, runtime, contracts.',
  severity: 'error',
  from: { path: `^libs/(${layer})/`, pathNot: spec },
  to: { path: `^libs/(${layers.slice(index + 1).join('|')})/` },
}));

const apart = [...features, 'stream', 'telemetry-store', 'registry-db'].map((lib) => ({
  name: `${lib}-stands-alone`,
  comment: 'Features, and ports, never import each other: they meet through contracts and streams.',
  severity: 'error',
  from: { path: `^libs/${lib}/`, pathNot: spec },
  to: {
    path: `^libs/(${(features.includes(lib) ? features : ['stream', 'telemetry-store', 'registry-db']).filter((other) => other !== lib).join('|')})/`,
  },
}));

const drivers = {
  lmdb: '^libs/(stream|telemetry-store)/',
  ioredis: '^libs/stream/redis/',
  '@duckdb/node-api': '^libs/telemetry-store/duckdb/',
  '@influxdata/influxdb-client': '^libs/telemetry-store/influxdb/',
  '@electric-sql/pglite': '^libs/registry-db/embedded/',
  pg: '^libs/registry-db/',
  aedes: '^libs/gateway/mqtt-broker/',
  mqtt: '^libs/gateway/mqtt-bridge/',
  'quickjs-emscripten': '^libs/normaliser/decoders/codec/',
};

export default {
  forbidden: [
    ...upward,
    ...apart,
    {
      name: 'index-only',
      comment: 'Across libs only the index is public (and `testing`, for specs).',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: {
        path: '^libs/[^/]+/.+',
        pathNot: ['^libs/$1/', '^libs/[^/]+/index[.]ts$', '^libs/[^/]+/testing/index[.]ts$'],
      },
    },
    {
      name: 'apps-use-indexes',
      severity: 'error',
      from: { path: '^(apps|test)/' },
      to: { path: '^libs/[^/]+/.+', pathNot: ['^libs/[^/]+/index[.]ts$', '^libs/[^/]+/testing/index[.]ts$'] },
    },
    {
      name: 'testing-only-in-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [spec, '/testing/', '[.]child[.]ts$'] },
      to: { path: '^libs/[^/]+/testing/' },
    },
    {
      name: 'nothing-imports-apps',
      severity: 'error',
      from: { path: '^(libs|devices-sim)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'apps-stand-alone',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/($1/|operations-ports[.]ts$)' },
    },
    {
      name: 'simulator-imports-no-lib',
      severity: 'error',
      from: { path: '^devices-sim/' },
      to: { path: '^(libs|apps)/' },
    },
    {
      name: 'console-imports-no-lib',
      comment: 'The console knows the platform by its REST API alone.',
      severity: 'error',
      from: { path: '^apps/console/' },
      to: { path: '^(libs|devices-sim|test)/' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(drivers).map(([driver, home]) => ({
      name: `driver-${driver.replace(/[^a-z]/g, '')}`,
      comment: 'A driver is imported only inside its adapter.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [home, spec, '/testing/'] },
      to: { path: `^node_modules/${driver}/` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { conditionNames: ['citysense-src', 'import', 'node', 'default', 'types'] },
  },
};
