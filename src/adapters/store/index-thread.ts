import { Worker } from 'node:worker_threads';
import type { LedgerIndex } from './ledger-index.ts';

/** `LedgerIndex`, asked from another thread: one call after the other, in the order they were made. */
export type IndexThread = {
  readonly [Name in keyof LedgerIndex]: (
    ...args: Parameters<LedgerIndex[Name]>
  ) => Promise<ReturnType<LedgerIndex[Name]>>;
};

export interface IndexCall {
  readonly id: number;
  readonly name: keyof LedgerIndex;
  readonly args: readonly unknown[];
}

export type IndexAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: unknown };

/** SQLite is synchronous: beside the requests it takes no time from them. A thread that died is started again by the next call. */
export const openIndexThread = (path: string, key: Uint8Array): IndexThread => {
  const file = new URL(import.meta.url.endsWith('.ts') ? './index-worker.ts' : './index-worker.js', import.meta.url);
  const waiting = new Map<number, { resolve(value: never): void; reject(error: unknown): void }>();
  let worker: Worker | undefined;
  let calls = 0;

  const start = (): Worker => {
    const made = new Worker(file, { workerData: { path, key } });
    const failed = (error: Error): void => {
      if (worker !== made) return;
      worker = undefined;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    made.on('error', failed);
    made.on('exit', () => failed(new Error('The thread of the ledger index ended.')));
    made.on('message', (answer: IndexAnswer) => {
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      // An idle thread keeps no process alive.
      if (waiting.size === 0) made.unref();
      if ('error' in answer) asked?.reject(answer.error);
      else asked?.resolve(answer.value as never);
    });
    return made;
  };

  const call =
    <Name extends keyof LedgerIndex>(name: Name) =>
    (...args: Parameters<LedgerIndex[Name]>): Promise<ReturnType<LedgerIndex[Name]>> => {
      worker ??= start();
      const to = worker;
      const id = calls++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        to.ref();
        to.postMessage({ id, name, args } satisfies IndexCall);
      });
    };

  return {
    size: call('size'),
    add: call('add'),
    locate: call('locate'),
    ofRequest: call('ofRequest'),
    patientsOf: call('patientsOf'),
    find: call('find'),
    tally: call('tally'),
    forget: call('forget'),
    clear: call('clear'),
    close: async () => {
      const last = worker;
      if (last === undefined) return;
      const ended = new Promise((resolve) => last.once('exit', resolve));
      await call('close')().catch(() => undefined);
      // The answer let go of it, and whoever closes waits for its end.
      last.ref();
      await ended;
    },
  };
};
