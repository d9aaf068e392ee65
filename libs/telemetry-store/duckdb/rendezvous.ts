import { createHash } from 'node:crypto';
import { BroadcastChannel, MessageChannel, type MessagePort, postMessageToThread } from 'node:worker_threads';
import { channelOf, type Greeting, type OwnerMessage } from './store-protocol.js';

const askEveryMs = 100;

/**
 * Finds the thread that owns the store in `folder`, from any thread of the process, and opens a line to it: threads meet on
 * a channel named after the folder, and then talk over a port of their own, so that buffers change hands without a copy.
 */
export function findStore(folder: string, timeoutMs: number): Promise<MessagePort> {
  const channel = new BroadcastChannel(channelOf(createHash('sha256').update(folder).digest('hex')));
  return new Promise((resolve, reject) => {
    const seek = () => channel.postMessage({ kind: 'seeking' } satisfies Greeting);
    const asking = setInterval(seek, askEveryMs);
    const giveUp = setTimeout(() => end(() => reject(new Error(`no thread serves ${folder}`))), timeoutMs);
    const end = (settle: () => void) => {
      clearInterval(asking);
      clearTimeout(giveUp);
      channel.onmessage = () => undefined;
      channel.close();
      settle();
    };
    let handing = false;
    channel.onmessage = (event) => {
      const greeting = (event as MessageEvent).data as Greeting;
      if (greeting.kind !== 'serving' || handing) return;
      handing = true;
      handPort(greeting.threadId).then(
        (port) => end(() => resolve(port)),
        () => {
          handing = false;
        },
      );
    };
    seek();
  });
}

async function handPort(threadId: number): Promise<MessagePort> {
  const { port1, port2 } = new MessageChannel();
  await postMessageToThread(threadId, { kind: 'connect', port: port2 } satisfies OwnerMessage, [port2]);
  return port1;
}
