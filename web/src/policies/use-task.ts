import { useEffect, useState } from 'react';
import type { PolicyTask, TaskResult } from '../../../src/domain/policy/task.ts';

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, (result: TaskResult<PolicyTask>) => void>();

const run = (task: PolicyTask): Promise<TaskResult<PolicyTask>> => {
  if (worker === undefined) {
    worker = new Worker(new URL('./task-worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<{ id: number; result: TaskResult<PolicyTask> }>) => {
      waiting.get(data.id)?.(data.result);
      waiting.delete(data.id);
    };
  }
  last += 1;
  const id = last;
  worker.postMessage({ id, task });
  return new Promise((resolve) => waiting.set(id, resolve));
};

export const runTask = <Task extends PolicyTask>(task: Task): Promise<TaskResult<Task>> =>
  run(task) as Promise<TaskResult<Task>>;

/** The answer to the newest task, a moment after it stopped changing; the one before it until then. Memoise the task. */
export const useTask = <Task extends PolicyTask>(task: Task | undefined): TaskResult<Task> | undefined => {
  const [result, setResult] = useState<TaskResult<Task>>();
  useEffect(() => {
    if (task === undefined) return undefined;
    let wanted = true;
    const timer = setTimeout(() => {
      void runTask(task).then((answer) => {
        if (wanted) setResult(answer);
      });
    }, 200);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [task]);
  return result;
};
