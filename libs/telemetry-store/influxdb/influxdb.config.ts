import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const influxdbConfig = defineConfig('influxdb', {
  url: setting.text(
    'INFLUX_URL',
    'http://127.0.0.1:8086',
    'Where InfluxDB answers (1.x, 2.x or 3.x), where TELEMETRY_STORE_KIND is influxdb.',
  ),
  database: setting.text(
    'INFLUX_DATABASE',
    'citysense',
    'Database of 1.x and 3.x, bucket of 2.x (before 2.4 with a DBRP mapping of the same name). Made on 1.x where the user may.',
  ),
  org: setting.text('INFLUX_ORG', '', 'Organisation of the bucket: needed on 2.x.'),
  token: setting.secret('INFLUX_TOKEN', 'Token, on 2.x and 3.x.'),
  username: setting.text('INFLUX_USERNAME', '', 'User name, on 1.x with authentication.'),
  password: setting.secret('INFLUX_PASSWORD', 'Password of INFLUX_USERNAME, on 1.x.'),
  shardDays: setting.integer(
    'INFLUX_SHARD_DAYS',
    28,
    'Days in a shard of a database that is made on 1.x: questions that look far back look into every shard. One that exists keeps its own.',
    1,
    3_650,
  ),
  writeTimeoutMs: setting.integer(
    'INFLUX_WRITE_TIMEOUT_MS',
    30_000,
    'A write that InfluxDB does not answer for this long has failed and is tried again, in milliseconds.',
    100,
    600_000,
  ),
  writePoints: setting.integer('INFLUX_WRITE_POINTS', 5_000, 'Most points in one write.', 1, 100_000),
  writeBytes: setting.integer(
    'INFLUX_WRITE_BYTES',
    4_194_304,
    'Most bytes in one write, except for a single larger point.',
    65_536,
    25_000_000,
  ),
  unmodelledPerDevice: setting.integer(
    'INFLUX_UNMODELLED_PER_DEVICE',
    16,
    'Metrics of a device that no thing model describes and that get series of their own; others share one per device.',
    0,
    1_000,
  ),
  unmodelledInAll: setting.integer(
    'INFLUX_UNMODELLED_IN_ALL',
    100_000,
    'Metrics of all devices that no thing model describes and that get series of their own.',
    0,
    10_000_000,
  ),
});
export type InfluxdbConfig = ConfigOf<typeof influxdbConfig>;
