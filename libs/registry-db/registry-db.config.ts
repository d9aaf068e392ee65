import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const registryDbConfig = defineConfig('registry-db', {
  kind: setting.choice(
    'REGISTRY_KIND',
    ['embedded', 'postgresql'],
    'embedded',
    'Where the registry lives: embedded (a PostgreSQL inside this process, in DATA_DIR/registry) or a postgresql server.',
    'embedded',
  ),
  url: setting.secret(
    'REGISTRY_URL',
    'PostgreSQL connection URL, for REGISTRY_KIND=postgresql: postgresql://user:password@host:5432/database. For TLS add ?sslmode=verify-full; of an authority of your own name the file in NODE_EXTRA_CA_CERTS.',
  ),
  poolSize: setting.integer(
    'REGISTRY_POOL_SIZE',
    0,
    'Most connections of one process or thread to the registry; 0 is 3 to the embedded one and 10 to a server.',
    0,
    100,
  ),
  migrate: setting.flag(
    'REGISTRY_MIGRATE',
    true,
    'Whether this process brings the schema up to date at start, one process at a time; false waits until another has.',
  ),
});
export type RegistryDbConfig = ConfigOf<typeof registryDbConfig>;
