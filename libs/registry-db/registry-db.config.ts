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
    'PostgreSQL connection URL, for REGISTRY_KIND=postgresql: postgresql://user:password@host:5432/database.',
  ),
  poolSize: setting.integer(
    'REGISTRY_POOL_SIZE',
    3,
    'Most connections of one process or thread to the registry.',
    1,
    100,
  ),
  migrate: setting.choice(
    'REGISTRY_MIGRATE',
    ['auto', 'true', 'false'],
    'auto',
    'Whether this process brings the schema up to date at start: auto (embedded only), true or false.',
  ),
});
export type RegistryDbConfig = ConfigOf<typeof registryDbConfig>;
