import { fdatasyncSync } from 'node:fs';
import { PGlite, type PGliteOptions } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

type EmscriptenOptions = Parameters<NodeFS['init']>[1];
type EmscriptenModule = Parameters<NonNullable<EmscriptenOptions['preRun']>[number]>[0];

/** The parts of Emscripten's file system over Node's that matter here. */
interface NodeFileSystem {
  stream_ops: { fsync?: (stream: { nfd: number }) => number };
}

/**
 * PGlite's files on disk, with an fsync that reaches the disk: as shipped, the one of its file system does nothing.
 * `onSync` is called after each, so that a test can count them.
 */
export class DurableFiles extends NodeFS {
  constructor(
    directory: string,
    private readonly onSync: () => void,
  ) {
    super(directory);
  }

  override init(pg: PGlite, options: EmscriptenOptions): ReturnType<NodeFS['init']> {
    const makeDurable = (module: EmscriptenModule) => {
      const loaded = module as unknown as {
        NODEFS?: NodeFileSystem;
        FS?: { filesystems?: { NODEFS?: NodeFileSystem } };
      };
      const files = loaded.NODEFS ?? loaded.FS?.filesystems?.NODEFS;
      // The first call, for initdb, comes before there is a file system.
      if (!files) return;
      files.stream_ops.fsync = (stream) => {
        fdatasyncSync(stream.nfd);
        this.onSync();
        return 0;
      };
    };
    return super.init(pg, { ...options, preRun: [...(options.preRun ?? []), makeDurable] });
  }
}

/** How the embedded PostgreSQL is started: PGlite's defaults without `-F` (no fsync), and with little shared memory. */
export function durableOptions(directory: string, onSync: () => void): PGliteOptions {
  return {
    fs: new DurableFiles(directory, onSync),
    startParams: [
      ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
      ...['-c', 'fsync=on', '-c', 'wal_sync_method=fsync', '-c', 'shared_buffers=16MB'],
    ],
  };
}
