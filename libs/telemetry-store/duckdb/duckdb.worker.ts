import { createHash } from 'node:crypto';
import { BroadcastChannel, type MessagePort, parentPort, threadId, workerData } from 'node:worker_threads';
import { isEngineTrouble, isFatal } from './group-queue.js';
import { StoreEngine } from './store-engine.js';
import {
  channelOf,
  type Greeting,
  type OwnerMessage,
  type StoreFailure,
  type StoreMessage,
  type StoreOptions,
  type StoreReply,
  type WorkerMessage,
} from './store-protocol.js';
import { StoreRefusal } from './store-refusal.js';

const options = workerData as StoreOptions;
const tell = (message: WorkerMessage) => parentPort?.postMessage(message);

try {
  const engine = await StoreEngine.open(options);
  const greetings = greet();
  process.on('workerMessage', (message: OwnerMessage) => {
    if (message.kind === 'connect') serve(engine, message.port);
  });
  parentPort?.on('message', (message: OwnerMessage) => {
    if (message.kind === 'connect') serve(engine, message.port);
    else void stop(engine, greetings);
  });
  tell({ kind: 'ready' });
} catch (error) {
  tell({ kind: 'refused', message: (error as Error).message });
  parentPort?.close();
}

/** Answers threads that seek the store: they hand this thread a port of their own. */
function greet(): BroadcastChannel {
  const channel = new BroadcastChannel(channelOf(createHash('sha256').update(options.folder).digest('hex')));
  const here: Greeting = { kind: 'serving', threadId };
  channel.onmessage = (event) => {
    if (((event as MessageEvent).data as Greeting).kind === 'seeking') channel.postMessage(here);
  };
  channel.postMessage(here);
  return channel;
}

function serve(engine: StoreEngine, port: MessagePort): void {
  port.on('message', (message: StoreMessage) => {
    engine.handle(message).then(
      (value) => port.postMessage({ id: message.id, value } satisfies StoreReply),
      (error: Error) => {
        port.postMessage({ id: message.id, failure: failureOf(error) } satisfies StoreReply);
        if (isFatal(error)) giveUp(error);
      },
    );
  });
}

function failureOf(error: Error): StoreFailure {
  const { message } = error;
  if (error instanceof StoreRefusal) {
    const { status, code } = error;
    return { message, status, code, retryable: status >= 500 };
  }
  return { message, retryable: isEngineTrouble(error) };
}

/** DuckDB serves nothing more until it is opened again: the owner starts another thread. */
function giveUp(error: Error): void {
  tell({ kind: 'broken', message: error.message });
  setTimeout(() => process.exit(1), 50);
}

async function stop(engine: StoreEngine, greetings: BroadcastChannel): Promise<void> {
  greetings.close();
  try {
    await engine.close();
    tell({ kind: 'stopped' });
  } catch (error) {
    tell({ kind: 'broken', message: (error as Error).message });
  }
  process.exit(0);
}
