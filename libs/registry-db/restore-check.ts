import { Inject, Injectable, Optional } from '@nestjs/common';
import { ConfigError, LIFECYCLE, type Lifecycle, startOrder } from '#libs/runtime';
import { RegistryCopy } from './copy/registry-copy.js';

/** Injection token: true in the commands that restore and back up, which see for themselves. */
export const RESTORING = Symbol('registry-restoring');

/** Keeps every process of the platform from starting on what a restore has not completed. */
@Injectable()
export class RestoreCheck {
  constructor(
    @Inject(RegistryCopy) copy: RegistryCopy,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Optional() @Inject(RESTORING) restoring?: boolean,
  ) {
    lifecycle.add({
      name: 'restore-check',
      order: startOrder.engines + 0.5,
      start: async () => {
        const source = restoring ? undefined : await copy.unfinishedRestore();
        if (source === undefined) return;
        throw new ConfigError(
          `A restore of ${source} was not completed here, so this is a part of a platform only: run the restore again (node dist/apps/main.js restore --from ...), or start on an empty place.`,
        );
      },
      stop: async () => undefined,
    });
  }
}
