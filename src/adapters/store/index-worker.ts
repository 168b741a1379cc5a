import { parentPort, workerData } from 'node:worker_threads';
import type { IndexAnswer, IndexCall } from './index-thread.ts';
import { openLedgerIndex } from './ledger-index.ts';

const { path, key } = workerData as { readonly path: string; readonly key: Uint8Array };
const index = openLedgerIndex(path, key);

parentPort?.on('message', ({ id, name, args }: IndexCall) => {
  const answer = (): IndexAnswer => {
    try {
      return { id, value: Reflect.apply(index[name], undefined, args) };
    } catch (error) {
      return { id, error };
    }
  };
  parentPort?.postMessage(answer());
  if (name === 'close') parentPort?.close();
});
