import { doPolicyTask, type PolicyTask } from '../../../src/domain/policy/task.ts';

/** The code that enforces, in the browser and off its main thread. */
self.onmessage = ({ data }: MessageEvent<{ readonly id: number; readonly task: PolicyTask }>) => {
  self.postMessage({ id: data.id, result: doPolicyTask(data.task) });
};
