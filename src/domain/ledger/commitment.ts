import { type Hashing, hmac } from './hash.ts';
import { type Hash, inclusionProof, nodesOf, rootOf, verifyInclusion } from './merkle.ts';

/** The order is that of the tree; one subject per patient follows. Never reorder. */
export const groupNames = ['actor', 'resource', 'purpose', 'outcome', 'score'] as const;
export type GroupName = (typeof groupNames)[number] | 'subject';

/** One part of an entry that can be shown without the others. */
export interface FieldGroup {
  readonly name: GroupName;
  /** The committed bytes: JSON, exactly as written. */
  readonly text: string;
  /** 16 random bytes, known only to who may open this group. */
  readonly salt: Uint8Array;
}

/** Everything that shows one group of an entry to somebody, and nothing of another group. */
export interface Opening extends FieldGroup {
  readonly index: number;
  readonly count: number;
  readonly path: readonly Hash[];
}

const utf8 = new TextEncoder();
/** The label keeps an actor from being shown as a subject. */
const labels = new Map([...groupNames, 'subject' as const].map((name) => [name, utf8.encode(`${name}\0`)]));

export const groupHash = (hashing: Hashing, name: GroupName, salt: Uint8Array, text: Uint8Array): Hash =>
  hmac(hashing, salt, labels.get(name) ?? utf8.encode(`${name}\0`), text);

/** The root over the salted hashes of all groups, in order. */
export const commitmentOf = (hashing: Hashing, hashes: readonly Hash[]): Hash =>
  rootOf(hashing, hashes.length, nodesOf(hashing, hashes));

export const openGroup = (hashing: Hashing, group: FieldGroup, index: number, hashes: readonly Hash[]): Opening => ({
  ...group,
  index,
  count: hashes.length,
  path: inclusionProof(hashing, index, hashes.length, nodesOf(hashing, hashes)),
});

export const verifyOpening = (hashing: Hashing, commitment: Hash, opening: Opening): boolean => {
  const named = groupNames[opening.index] ?? 'subject';
  return (
    named === opening.name &&
    verifyInclusion(
      hashing,
      opening.index,
      opening.count,
      groupHash(hashing, opening.name, opening.salt, utf8.encode(opening.text)),
      opening.path,
      commitment,
    )
  );
};
