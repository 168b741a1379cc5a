import { parentPort, workerData } from 'node:worker_threads';
import brain from 'brain.js';
import type { TrainerMessage, TrainRequest } from './trainer.ts';

// brain.js has no seed: it draws its first weights from Math.random. This thread has nothing else that draws.
let state = (workerData as TrainRequest).seed >>> 0;
Math.random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 4_294_967_296;
};

const { inputs, labels, hidden, iterations, rate } = workerData as TrainRequest;
const width = inputs.length / labels.length;
const rows = Array.from(labels, (label, index) => ({
  input: Array.from(inputs.subarray(index * width, (index + 1) * width)),
  output: [label],
}));

const net = new brain.NeuralNetwork({ hiddenLayers: [...hidden], activation: 'sigmoid' });
const post = (message: TrainerMessage): void => parentPort?.postMessage(message);
const state1 = net.train(rows, {
  iterations,
  learningRate: rate,
  momentum: 0.1,
  errorThresh: 1e-7,
  callbackPeriod: 1,
  callback: (progress) => post({ kind: 'progress', iteration: progress.iterations, error: progress.error }),
});
post({ kind: 'done', error: state1.error, json: net.toJSON() as unknown as Record<string, unknown> });
