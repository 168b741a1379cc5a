import { parentPort } from 'node:worker_threads';
import { doPolicyTask, type PolicyTask } from '../../domain/policy/task.ts';

parentPort?.on('message', (task: PolicyTask) => parentPort?.postMessage(doPolicyTask(task)));
