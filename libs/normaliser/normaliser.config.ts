import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const normaliserConfig = defineConfig('normaliser', {
  earliestYear: setting.integer(
    'NORMALISER_EARLIEST_YEAR',
    2015,
    'Device times before 1 January of this year (UTC) are not believed: quality clock_suspect.',
    1970,
    2100,
  ),
  aheadMs: setting.integer(
    'NORMALISER_AHEAD_MS',
    300_000,
    'Device times further ahead of ours than this are not believed: quality clock_suspect.',
    0,
    86_400_000,
  ),
  maxReports: setting.integer('NORMALISER_MAX_REPORTS', 1_000, 'Most reports in one message.', 1, 10_000),
  maxMetrics: setting.integer('NORMALISER_MAX_METRICS', 200, 'Most metrics in one report.', 1, 250),
  maxTextLength: setting.integer('NORMALISER_MAX_TEXT_LENGTH', 4_096, 'Longest text value in characters.', 16, 65_536),
  maxUnmodelled: setting.integer(
    'NORMALISER_MAX_UNMODELLED',
    1_000,
    'Most different metric names per product that its thing model does not have; further ones are dropped and counted.',
    0,
    1_000_000,
  ),
  dedupeIdentities: setting.integer(
    'NORMALISER_DEDUPE_IDENTITIES',
    64,
    'Identities remembered per device to recognise what is sent twice; 16 bytes each.',
    8,
    4_096,
  ),
  dedupeDevices: setting.integer(
    'NORMALISER_DEDUPE_DEVICES',
    50_000,
    'Devices whose window stays in memory, about 1.5 KB each; others are read from the stream state.',
    100,
    10_000_000,
  ),
  resendMs: setting.integer(
    'NORMALISER_RESEND_MS',
    600_000,
    'For at least this long, one sequence number with the same content and no usable time is a resend.',
    1_000,
    86_400_000,
  ),
  maxOutputBytes: setting.integer(
    'NORMALISER_MAX_OUTPUT_BYTES',
    524_288,
    'About how large one entry of the readings stream becomes.',
    16_384,
    8_388_608,
  ),
});
export type NormaliserConfig = ConfigOf<typeof normaliserConfig>;

export const codecConfig = defineConfig('codec', {
  workers: setting.integer('CODEC_WORKERS', 1, "Threads that run vendors' codecs.", 1, 16),
  maxScriptBytes: setting.integer('CODEC_MAX_SCRIPT_BYTES', 40_960, 'Largest codec script.', 1_024, 1_048_576),
  runtimes: setting.integer(
    'CODEC_RUNTIMES',
    8,
    'Codecs kept loaded per thread, each in a WebAssembly instance of its own (16 to 32 MB of address space).',
    1,
    128,
  ),
  memoryBytes: setting.integer(
    'CODEC_MEMORY_BYTES',
    8_388_608,
    'Memory a codec may allocate; its WebAssembly instance ends at 32 MB whatever happens.',
    1_048_576,
    25_165_824,
  ),
  frameTicks: setting.integer(
    'CODEC_FRAME_TICKS',
    300,
    'Work a codec may do on one frame, in interpreter ticks of about 0.15 ms of processor time.',
    10,
    100_000,
  ),
  watchdogMs: setting.integer(
    'CODEC_WATCHDOG_MS',
    250,
    'A codec thread that makes no progress for this long is killed; a frame that did it twice is refused.',
    50,
    60_000,
  ),
  batch: setting.integer('CODEC_BATCH', 100, 'Most frames handed to a codec at a time.', 1, 1_000),
  failures: setting.integer(
    'CODEC_FAILURES',
    5,
    'Frames that may kill or time out a codec within its suspension time before it is suspended.',
    1,
    1_000,
  ),
  suspensionMs: setting.integer(
    'CODEC_SUSPENSION_MS',
    60_000,
    'How long a suspended codec is not run; its frames go to the dead letters.',
    1_000,
    3_600_000,
  ),
});
export type CodecConfig = ConfigOf<typeof codecConfig>;
