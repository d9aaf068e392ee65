import { parentPort, workerData } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import { type CodecAnswer, failed, readAnswer } from './codec-answer.js';
import { type CodecJob, type CodecReply, type CodecThreadData, step } from './codec-protocol.js';
import { CodecRuntime, ScriptError } from './codec-runtime.js';

const { progress, limits, runtimes, sliceMs } = workerData as CodecThreadData;
const words = new Int32Array(progress);
const loaded = new LRUCache<string, CodecRuntime>({ max: runtimes });
const invalid = new LRUCache<string, ScriptError>({ max: 100 });

function enter(where: number): void {
  Atomics.store(words, 1, where);
  Atomics.add(words, 0, 1);
}

async function runtimeOf(job: CodecJob): Promise<CodecRuntime> {
  const known = loaded.get(job.runtime);
  if (known) return known;
  const error = invalid.get(job.runtime);
  if (error) throw error;
  enter(step.loading);
  try {
    const runtime = await CodecRuntime.load(job.script, limits);
    loaded.set(job.runtime, runtime);
    return runtime;
  } catch (thrown) {
    if (thrown instanceof ScriptError) invalid.set(job.runtime, thrown);
    throw thrown;
  }
}

/** Works on a job until it is done or its slice of time is over. A runtime in which something went wrong is let go. */
async function work(job: CodecJob): Promise<CodecAnswer[]> {
  const answers: CodecAnswer[] = [];
  const end = performance.now() + sliceMs;
  let alone = -1;
  while (answers.length < job.count && (answers.length === 0 || performance.now() < end)) {
    const runtime = await runtimeOf(job);
    const start = answers.length;
    let stoppedBy: 'timeout' | 'memory' | 'crash' | undefined;
    try {
      const run = runtime.run(job.frames, start, (index) => {
        if (index > start && performance.now() >= end) return false;
        enter(index);
        return true;
      });
      for (const result of run.results) answers.push(readAnswer(result));
      stoppedBy = run.stoppedBy;
    } catch {
      stoppedBy = 'crash';
    }
    if (!stoppedBy) continue;
    loaded.delete(job.runtime);
    // What ran out may have been used up by the frames before: the frame gets a fresh runtime, once.
    if (stoppedBy !== 'timeout' && alone !== answers.length) alone = answers.length;
    else answers.push(stopped[stoppedBy]);
  }
  return answers.slice(0, job.count);
}

const stopped: Readonly<Record<'timeout' | 'memory' | 'crash', CodecAnswer>> = {
  timeout: failed('codec_timeout', 'The codec works too long on this frame. Look for a loop that does not end.'),
  memory: failed(
    'codec_out_of_memory',
    'The codec takes too much memory for this frame. Look for a list or text that keeps growing.',
  ),
  crash: failed('codec_crashed', 'The codec brought its sandbox down on this frame.'),
};

parentPort?.on('message', (job: CodecJob) => {
  void work(job)
    .catch((error: Error): CodecAnswer[] => {
      const position = error instanceof ScriptError ? error.position : undefined;
      const reason = error instanceof ScriptError ? error.reason : 'codec_crashed';
      return Array.from({ length: job.count }, () => failed(reason, error.message, position));
    })
    .then((answers) => {
      enter(step.idle);
      parentPort?.postMessage({ id: job.id, answers } satisfies CodecReply);
    });
});
