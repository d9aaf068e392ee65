import { registryDbConfig } from '#libs/registry-db';
import { type Environment, readConfig } from '#libs/runtime';
import { streamConfig } from '#libs/stream';
import { telemetryStoreConfig } from '#libs/telemetry-store';
import type { Manifest } from './backup-manifest.js';

/** Injection token of the names of the engines that the settings choose. */
export const ENGINES = Symbol('backup-engines');
export type Engines = Manifest['engines'];

/** The engines that the settings choose. */
export function enginesOf(environment: Environment): Engines {
  return {
    registry: readConfig(registryDbConfig, environment).kind,
    telemetryStore: readConfig(telemetryStoreConfig, environment).kind,
    stream: readConfig(streamConfig, environment).kind,
  };
}
