import { Worker } from 'node:worker_threads';
import { averaged, type Network } from '../../domain/risk/network.ts';

export interface TrainRequest {
  /** Row after row. */
  readonly inputs: Float64Array;
  readonly labels: Float64Array;
  readonly hidden: readonly number[];
  readonly iterations: number;
  readonly rate: number;
  readonly seed: number;
}

export type TrainerMessage =
  | { readonly kind: 'progress'; readonly iteration: number; readonly error: number }
  | { readonly kind: 'done'; readonly error: number; readonly json: Record<string, unknown> };

export interface Trained {
  readonly net: Network;
  readonly error: number;
}

/**
 * Trains a brain.js net in a thread of its own, since training blocks, and brings back plain weights: nothing else of brain.js is
 * used where calls are judged. The same request gives the same weights. Rejects when the result is not finite.
 */
export const trainNet = (
  request: TrainRequest,
  onProgress: (iteration: number, error: number) => void = () => undefined,
): Promise<Trained> => {
  const file = new URL(
    import.meta.url.endsWith('.ts') ? './trainer-worker.ts' : './trainer-worker.js',
    import.meta.url,
  );
  const worker = new Worker(file, { workerData: request });
  return new Promise<Trained>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`the trainer ended with code ${code} before it was done`)));
    worker.on('message', (message: TrainerMessage) => {
      if (message.kind === 'progress') onProgress(message.iteration, message.error);
      else {
        const net = flatten(message.json);
        if (net === undefined) reject(new Error('the trained net holds a number that is not finite'));
        else resolve({ net, error: message.error });
      }
    });
  }).finally(() => worker.terminate());
};

/** Several nets that begin at different weights, averaged into one: what one of them learned by chance counts less. */
export const trainNets = async (
  request: TrainRequest,
  count: number,
  onProgress: (iteration: number, error: number) => void = () => undefined,
): Promise<Trained> => {
  const trained = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      trainNet({ ...request, seed: request.seed + n * 7_919 }, n === 0 ? onProgress : undefined),
    ),
  );
  return {
    net: averaged(trained.map(({ net }) => net)),
    error: trained.reduce((sum, { error }) => sum + error / count, 0),
  };
};

/** The weights of brain.js' own JSON (layers of nodes with a bias and a weight per node of the layer before), flattened. */
export const flatten = (json: Record<string, unknown>): Network | undefined => {
  const layers = json.layers;
  if (!Array.isArray(layers)) return undefined;
  const sizes: number[] = [];
  const weights: Float32Array[] = [];
  const biases: Float32Array[] = [];
  for (const [index, layer] of (
    layers as Record<string, { bias?: number; weights?: Record<string, number> }>[]
  ).entries()) {
    const nodes = Object.values(layer);
    const before = sizes.at(-1) ?? 0;
    sizes.push(nodes.length);
    if (index === 0) continue;
    const flat = new Float32Array(nodes.length * before);
    nodes.forEach((node, at) => {
      for (let from = 0; from < before; from++) flat[at * before + from] = node.weights?.[String(from)] ?? Number.NaN;
    });
    weights.push(flat);
    biases.push(Float32Array.from(nodes, (node) => node.bias ?? Number.NaN));
  }
  const finite = [...weights, ...biases].every((list) => list.every(Number.isFinite));
  return finite && sizes.length > 1 ? { sizes, weights, biases } : undefined;
};
