import { Worker } from 'node:worker_threads';
import type { PolicyTask, TaskResult } from '../../domain/policy/task.ts';

export interface TaskRunner {
  /** Rejects when the task throws or takes longer than the limit. */
  run<Task extends PolicyTask>(task: Task): Promise<TaskResult<Task>>;
  close(): Promise<void>;
}

/**
 * Does what officers ask in a thread of its own, one task after the other: to compare two sets takes a second or more, and
 * calls of care do not wait for it.
 */
export const createTaskRunner = (limitMs: number): TaskRunner => {
  const file = new URL(import.meta.url.endsWith('.ts') ? './task-worker.ts' : './task-worker.js', import.meta.url);
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const perform = <Task extends PolicyTask>(task: Task): Promise<TaskResult<Task>> => {
    worker ??= new Worker(file);
    const own = worker;
    own.ref();
    return new Promise<TaskResult<Task>>((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(timer);
        if (worker === own) worker = undefined;
        void own.terminate();
        reject(error);
      };
      const timer = setTimeout(() => fail(new Error('A policy task took too long.')), limitMs);
      own.once('error', fail);
      own.once('message', (result: TaskResult<Task>) => {
        own.off('error', fail);
        // An idle thread keeps no process alive.
        own.unref();
        clearTimeout(timer);
        resolve(result);
      });
      own.postMessage(task);
    });
  };

  return {
    run(task) {
      const done = last.then(() => perform(task));
      last = done.catch(() => undefined);
      return done;
    },
    async close() {
      await last;
      await worker?.terminate();
    },
  };
};
