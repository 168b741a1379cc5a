import { jcs, losslessCanonical } from '../json/canonical.ts';
import { text } from '../json/cursor.ts';
import { KIND, type Tape } from '../json/tape.ts';
import type { Hashing } from './hash.ts';
import type { Hash } from './merkle.ts';

/**
 * What a reader learns of a record: `verified`, as it was written through this gateway; `baseline`, unaltered since it
 * was first seen; `unknown`, nothing to compare with; `altered`, not what was notarised.
 */
export const integrityStates = ['verified', 'baseline', 'unknown', 'altered'] as const;
export type IntegrityState = (typeof integrityStates)[number];

/** Of `Bundle.entry`: the state of the entry's resource, as a code. */
export const integrityExtension = 'urn:consentry:record-integrity';

/** Names of the two methods, kept beside each digest. */
export const digestMethods = { portable: 'fhir-static+rfc8785', lossless: 'consentry-lossless-1' } as const;

export interface RecordDigests {
  /**
   * FHIR #static: without text and meta at the root, by RFC 8785. Others can compute it, and it survives a move between
   * servers. `undefined` when a number does not fit a double.
   */
  readonly portable: Hash | undefined;
  /** Everything but the version id, time and source of meta, with every number as it was written. */
  readonly lossless: Hash;
}

type Skip = (name: string) => boolean;

/** The members of an object in canonical order, without those that `skip` names. */
const objectText = (
  tape: Tape,
  object: number,
  skip: Skip,
  valueText: (name: string, node: number) => string | undefined,
): string | undefined => {
  const members: (readonly [string, number])[] = [];
  const past = tape.next[object] ?? 0;
  for (let key = object + 1; key < past; key = tape.next[key] ?? past) {
    const name = text(tape, key);
    if (!skip(name)) members.push([name, key + 1]);
  }
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  const parts: string[] = [];
  for (const [name, node] of members) {
    const value = valueText(name, node);
    if (value === undefined) return undefined;
    if (value !== '') parts.push(`${JSON.stringify(name)}:${value}`);
  }
  return `{${parts.join(',')}}`;
};

const VOLATILE: ReadonlySet<string> = new Set(['versionId', 'lastUpdated', 'source']);
const utf8 = new TextEncoder();

/** A meta that holds nothing but what a server sets is as good as none. */
const metaText = (tape: Tape, node: number): string => {
  const kept = objectText(
    tape,
    node,
    (name) => VOLATILE.has(name),
    (_, value) => losslessCanonical(tape, value),
  );
  return kept === '{}' || kept === undefined ? '' : kept;
};

export const losslessText = (tape: Tape, node = 0): string =>
  objectText(
    tape,
    node,
    () => false,
    (name, value) =>
      name === 'meta' && tape.kind[value] === KIND.object ? metaText(tape, value) : losslessCanonical(tape, value),
  ) ?? '';

export const portableText = (tape: Tape, node = 0): string | undefined =>
  objectText(
    tape,
    node,
    (name) => name === 'text' || name === 'meta',
    (_, value) => jcs(tape, value),
  );

export const losslessDigest = ({ sha256 }: Hashing, tape: Tape, node = 0): Hash =>
  sha256(utf8.encode(losslessText(tape, node)));

export const recordDigests = (hashing: Hashing, tape: Tape, node = 0): RecordDigests => {
  const portable = portableText(tape, node);
  return {
    portable: portable === undefined ? undefined : hashing.sha256(utf8.encode(portable)),
    lossless: losslessDigest(hashing, tape, node),
  };
};

/** Of an answer with several resources: the worst of them. */
export const worstOf = (states: ReadonlySet<IntegrityState>): IntegrityState | undefined => {
  for (const state of ['altered', 'unknown', 'baseline', 'verified'] as const) if (states.has(state)) return state;
  return undefined;
};
