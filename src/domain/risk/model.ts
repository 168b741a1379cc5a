import { sha256 } from '@noble/hashes/sha2.js';
import { FEATURES, featureNames, schemaText } from './feature-schema.ts';
import type { Forest } from './forest.ts';
import type { Logistic } from './logistic.ts';
import type { Network } from './network.ts';

/** The heads that are combined, in the order of the combining weights. */
export const heads = ['net', 'logistic', 'forest', 'rules', 'explained'] as const;
export const HEADS = heads.length;

export interface Ladder {
  readonly notice: number;
  readonly stepUp: number;
  /** Left out, these two lie a third and two thirds of the way from `stepUp` to `block`. */
  readonly maskMore?: number;
  readonly rateLimit?: number;
  readonly block: number;
}

export const fullLadder = (ladder: Ladder): Required<Ladder> => {
  const third = (ladder.block - ladder.stepUp) / 3;
  const maskMore = ladder.maskMore ?? Math.min(ladder.rateLimit ?? 1, ladder.stepUp + third);
  return { ...ladder, maskMore, rateLimit: ladder.rateLimit ?? Math.max(maskMore, ladder.block - third) };
};

/** Everything a score is made of. Immutable: a new one replaces the old one whole. */
export interface RiskModel {
  /** `risk-` and the first 16 digits of the hash: what ledger entries name. */
  readonly id: string;
  readonly hash: string;
  readonly schema: string;
  readonly seed: number;
  readonly net: Network;
  readonly logistic: Logistic;
  readonly forest: Forest;
  readonly combine: { readonly weights: readonly number[]; readonly bias: number };
  readonly ladder: Ladder;
  readonly card: ModelCard;
}

/** What a reader must know before trusting the numbers. */
export interface ModelCard {
  readonly trainedOn: string;
  readonly window: string;
  readonly metrics: readonly Readonly<Record<string, string | number>>[];
  readonly limits: readonly string[];
}

export interface ModelFault {
  readonly fault: 'risk-model';
  readonly text: string;
}

/** The parts of a model before it has a name. */
export type ModelParts = Omit<RiskModel, 'id' | 'hash' | 'schema'>;

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

export const schemaHash = hex(sha256(new TextEncoder().encode(schemaText())));

/** RFC 8785 for what a model file holds: finite numbers, strings, arrays, objects. */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
  }
  return JSON.stringify(value);
};

/** Nine digits bring a single-precision number back exactly. */
const singles = (values: Iterable<number>): number[] => Array.from(values, (value) => Number(value.toPrecision(9)));

const FORMAT = 'consentry-risk-model/1';

const content = (parts: ModelParts): Record<string, unknown> => ({
  format: FORMAT,
  schema: schemaHash,
  features: featureNames,
  seed: parts.seed,
  net: { sizes: parts.net.sizes, weights: parts.net.weights.map(singles), biases: parts.net.biases.map(singles) },
  logistic: { weights: Array.from(parts.logistic.weights), bias: parts.logistic.bias },
  forest: {
    roots: Array.from(parts.forest.roots),
    feature: Array.from(parts.forest.feature),
    split: singles(parts.forest.split),
    left: Array.from(parts.forest.left),
    sample: parts.forest.sample,
  },
  combine: parts.combine,
  ladder: parts.ladder,
  card: parts.card,
});

const hashOf = (body: Record<string, unknown>): string => hex(sha256(new TextEncoder().encode(canonical(body))));

/** The file: one line of canonical JSON with the hash of everything but itself and the signatures. */
export const writeModel = (parts: ModelParts): string => {
  const body = content(parts);
  return `${canonical({ ...body, hash: hashOf(body) })}\n`;
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumbers = (value: unknown, length?: number): value is number[] =>
  Array.isArray(value) &&
  (length === undefined || value.length === length) &&
  value.every((item) => typeof item === 'number' && Number.isFinite(item));

const fault = (text: string): ModelFault => ({ fault: 'risk-model', text });

/**
 * Reads a model file. Every shape is checked before it is used: a model that is broken, altered, or made for other features is a
 * fault, never a model that scores low.
 */
export const loadModel = (json: unknown): RiskModel | ModelFault => {
  if (!isRecord(json)) return fault('The model file is not a JSON object.');
  const { hash, signatures: _signatures, ...body } = json;
  if (body.format !== FORMAT) return fault(`The model file is not of format ${FORMAT}.`);
  if (body.schema !== schemaHash)
    return fault('The model was trained on other features than this version computes; train it again.');
  if (typeof hash !== 'string' || hash !== hashOf(body))
    return fault('The hash in the model file is not that of its content.');
  const net = readNet(body.net);
  if (net === undefined) return fault('The net of the model has a wrong shape or a number that is not finite.');
  const logistic = body.logistic;
  if (!isRecord(logistic) || !isNumbers(logistic.weights, FEATURES) || !isNumbers([logistic.bias]))
    return fault('The logistic regression of the model has a wrong shape.');
  const forest = readForest(body.forest);
  if (forest === undefined) return fault('The isolation forest of the model has a wrong shape.');
  const combine = body.combine;
  if (!isRecord(combine) || !isNumbers(combine.weights, HEADS) || !isNumbers([combine.bias]))
    return fault('The combination of the model has a wrong shape.');
  const ladder = body.ladder;
  if (!isRecord(ladder) || !isNumbers([ladder.notice, ladder.stepUp, ladder.block]))
    return fault('The ladder of the model has a wrong shape.');
  const card = body.card;
  const seed = body.seed;
  if (!isRecord(card) || !Array.isArray(card.limits) || typeof seed !== 'number')
    return fault('The model has no card or no seed.');
  return {
    id: `risk-${hash.slice(0, 16)}`,
    hash,
    schema: schemaHash,
    seed,
    net,
    logistic: { weights: Float64Array.from(logistic.weights), bias: logistic.bias as number },
    forest,
    combine: { weights: combine.weights, bias: combine.bias as number },
    ladder: {
      notice: ladder.notice as number,
      stepUp: ladder.stepUp as number,
      block: ladder.block as number,
    },
    card: card as unknown as ModelCard,
  };
};

const readNet = (value: unknown): Network | undefined => {
  if (!isRecord(value) || !isNumbers(value.sizes)) return undefined;
  const sizes = value.sizes;
  const { weights, biases } = value;
  if (sizes.length < 2 || sizes.length > 6 || sizes[0] !== FEATURES || sizes.at(-1) !== 1) return undefined;
  if (!Array.isArray(weights) || !Array.isArray(biases)) return undefined;
  if (weights.length !== sizes.length - 1 || biases.length !== sizes.length - 1) return undefined;
  for (let layer = 1; layer < sizes.length; layer++) {
    const to = sizes[layer] ?? 0;
    const from = sizes[layer - 1] ?? 0;
    if (!isNumbers(weights[layer - 1], to * from) || !isNumbers(biases[layer - 1], to)) return undefined;
  }
  return {
    sizes,
    weights: weights.map((layer: number[]) => Float32Array.from(layer)),
    biases: biases.map((layer: number[]) => Float32Array.from(layer)),
  };
};

const readForest = (value: unknown): Forest | undefined => {
  if (!isRecord(value)) return undefined;
  const { roots, feature, split, left, sample } = value;
  if (!isNumbers(roots) || !isNumbers(feature) || typeof sample !== 'number' || !(sample >= 1)) return undefined;
  const nodes = feature.length;
  if (!isNumbers(split, nodes) || !isNumbers(left, nodes) || roots.length === 0) return undefined;
  if (!roots.every((root) => Number.isInteger(root) && root >= 0 && root < nodes)) return undefined;
  // Children lie after their parent, so a walk always ends.
  for (let node = 0; node < nodes; node++) {
    const index = feature[node] ?? Number.NaN;
    const child = left[node] ?? Number.NaN;
    if (!Number.isInteger(index) || index < -1 || index >= FEATURES) return undefined;
    if (index >= 0 && (!Number.isInteger(child) || child <= node || child + 1 >= nodes)) return undefined;
  }
  return {
    roots: Int32Array.from(roots),
    feature: Int16Array.from(feature),
    split: Float32Array.from(split),
    left: Int32Array.from(left),
    sample,
  };
};
