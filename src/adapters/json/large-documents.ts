import { Worker } from 'node:worker_threads';
import { keepAhead } from '../../domain/json/ahead.ts';
import type { LargeDocuments } from '../../ports.ts';
import type { ReaderResult, ReaderTask } from './reader-task.ts';

export interface LargeDocumentsOptions {
  /** Documents from this size on are read in a thread. */
  readonly fromBytes: number;
  /** Threads at most; one is started when it is first needed. */
  readonly threads: number;
  /** How long a document may wait and be read. */
  readonly timeoutMs: number;
  /** What a thread runs; the reader, unless a test wants one that fails. */
  readonly file?: URL;
}

export interface LargeDocumentReader extends LargeDocuments {
  close(): Promise<void>;
}

const reader = new URL(import.meta.url.endsWith('.ts') ? './reader-worker.ts' : './reader-worker.js', import.meta.url);

/** Heap of one thread. The columns of a tape are outside of it, and bounded by the limits on a document. */
const HEAP_MB = 64;

/**
 * Reads large documents in threads of their own. Bytes and tape move there and back; nothing is copied. A thread that
 * crashes, hangs or runs out of memory is replaced, and its document is nobody's any more: the promise rejects.
 */
export function largeDocuments(options: LargeDocumentsOptions): LargeDocumentReader {
  const { fromBytes, threads, timeoutMs, file = reader } = options;
  const idle: Thread[] = [];
  const running = new Set<Thread>();
  const queue: (() => void)[] = [];
  let closed = false;

  function begin(task: ReaderTask, settle: (outcome: ReaderResult | Error) => void): () => void {
    const thread = idle.pop() ?? new Thread(file, (ended) => void remove(idle, ended));
    running.add(thread);
    thread.run(task, (outcome) => {
      running.delete(thread);
      if (outcome instanceof Error) thread.end();
      else idle.push(thread);
      settle(outcome);
      queue.shift()?.();
    });
    return () => thread.settle(new ReaderTimeout());
  }

  function read(task: ReaderTask): Promise<ReaderResult> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        giveUp = begin(task, (outcome) => {
          clearTimeout(timer);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        });
      };
      let giveUp = (): void => {
        remove(queue, start);
        reject(new ReaderTimeout());
      };
      const timer = setTimeout(() => giveUp(), timeoutMs);
      if (running.size < threads) start();
      else queue.push(start);
    });
  }

  return {
    ahead(bytes, limits) {
      if (bytes.length < fromBytes || bytes.length > limits.bytes) return undefined;
      if (closed) return Promise.reject(new ReaderFailed());
      return read({ bytes: owned(bytes), limits }).then((result) => {
        const { bytes: back, scanned } = result;
        const view = new DataView(back.buffer, back.byteOffset, back.byteLength);
        keepAhead(back, limits, scanned.ok ? { ok: true, tape: { ...scanned, bytes: back, view } } : scanned);
        return back;
      });
    },
    async close() {
      closed = true;
      queue.length = 0;
      await Promise.all([...idle, ...running].map((thread) => thread.end()));
    },
  };
}

/** One thread, which reads one document at a time. */
class Thread {
  readonly #worker: Worker;
  #settle: ((outcome: ReaderResult | Error) => void) | undefined;

  constructor(file: URL, ended: (thread: Thread) => void) {
    this.#worker = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    this.#worker.on('message', (result: ReaderResult) => this.settle(result));
    const failed = (): void => this.settle(new ReaderFailed());
    this.#worker.on('messageerror', failed);
    this.#worker.on('error', failed);
    this.#worker.on('exit', () => {
      ended(this);
      failed();
    });
  }

  run(task: ReaderTask, settle: (outcome: ReaderResult | Error) => void): void {
    this.#settle = settle;
    this.#worker.ref();
    this.#worker.postMessage(task, [task.bytes.buffer]);
  }

  /** Only the first outcome of a task counts. */
  settle(outcome: ReaderResult | Error): void {
    const settle = this.#settle;
    this.#settle = undefined;
    // An idle thread keeps no process alive.
    this.#worker.unref();
    settle?.(outcome);
  }

  end(): Promise<number> {
    return this.#worker.terminate();
  }
}

class ReaderTimeout extends Error {
  override readonly name = 'ReaderTimeout';
}

class ReaderFailed extends Error {
  override readonly name = 'ReaderFailed';
}

function remove<Value>(list: Value[], value: Value): void {
  const at = list.indexOf(value);
  if (at >= 0) list.splice(at, 1);
}

/** Memory that is shared with others cannot move: then a copy does. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length
    ? new Uint8Array(buffer)
    : Uint8Array.from(bytes);
}
