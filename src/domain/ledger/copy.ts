import type { ProofVerdict } from './receipt.ts';

/** Of `Bundle.meta` in a copy that a patient took home: a proof file for each ledger entry under which it was handed out. */
export const proofExtension = 'urn:consentry:tlog-proof';

type Proven = Extract<ProofVerdict, { ok: true }>;

export type CopyVerdict =
  | {
      readonly ok: true;
      readonly proofs: readonly Proven[];
      /** Of the items of the copy: those that a proven entry names as handed out. The entry names them, not their words. */
      readonly covered: readonly string[];
      readonly uncovered: readonly string[];
    }
  | { readonly ok: false; readonly text: string };

/** The Bundle in a file; undefined when the file is none. */
export function readCopy(file: string): object | undefined {
  try {
    const value: unknown = JSON.parse(file);
    return typeof value === 'object' && value !== null && member(value, 'resourceType') === 'Bundle'
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

/** Every proof in the copy must hold; which items the proven entries name is told. */
export async function verifyCopy(
  copy: object,
  verify: (proof: string) => ProofVerdict | Promise<ProofVerdict>,
): Promise<CopyVerdict> {
  const files = list(member(member(copy, 'meta'), 'extension')).flatMap((extension) => {
    const value = member(extension, 'valueString');
    return member(extension, 'url') === proofExtension && typeof value === 'string' ? [value] : [];
  });
  if (files.length === 0) return { ok: false, text: 'There is no proof in this copy.' };
  const proofs: Proven[] = [];
  for (const file of files) {
    const verdict = await verify(file);
    if (!verdict.ok) return verdict;
    proofs.push(verdict);
  }
  const named = new Set(proofs.flatMap(handedOut));
  const items = list(member(copy, 'entry')).map((entry) => {
    const resource = member(entry, 'resource');
    return `${String(member(resource, 'resourceType'))}/${String(member(resource, 'id'))}`;
  });
  const { covered = [], uncovered = [] } = Object.groupBy(items, (item) => (named.has(item) ? 'covered' : 'uncovered'));
  return { ok: true, proofs, covered, uncovered };
}

const handedOut = ({ leaf, openings }: Proven): readonly string[] =>
  leaf.decision === 'permit'
    ? openings
        .filter(({ name }) => name === 'resource')
        .flatMap(({ text }) => list(member(JSON.parse(text), 'resources')))
        .map((reference) => String(reference).split('/_history/')[0] ?? '')
    : [];

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
