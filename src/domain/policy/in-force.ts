import type { Approval } from './approval.ts';
import { isOther, maskingFiles } from './draft.ts';
import { compilePolicySet, hashOfFiles } from './policy-set.ts';
import type { PolicyFile } from './source.ts';

/** One set that was in force, with who let it. */
export interface PolicyVersion {
  readonly number: number;
  readonly hash: string;
  readonly at: string;
  readonly reason: string;
  /** Who put it in force; absent: whoever could write the folder. */
  readonly by?: string;
  readonly approvals: readonly Approval[];
  readonly files: readonly PolicyFile[];
}

/** Where the policies in force lie, and those that were. */
export interface PolicyShelf {
  /** Every file, the masking policies and the others. */
  read(): readonly PolicyFile[];
  /** All or nothing. */
  write(files: readonly PolicyFile[]): void;
  /** Oldest first. */
  versions(): readonly PolicyVersion[];
  add(version: Omit<PolicyVersion, 'number'>): PolicyVersion;
}

interface Cause {
  readonly reason: string;
  readonly at: string;
  readonly by?: string;
  readonly approvals: readonly Approval[];
}

/** Puts masking policies in force that somebody has judged: what they replace is kept first, so that it can come back. */
export const putInForce = (shelf: PolicyShelf, next: readonly PolicyFile[], cause: Cause): PolicyVersion => {
  const files = shelf.read();
  const before = maskingFiles(files);
  const versions = shelf.versions();
  const hash = hashOfFiles(before);
  if (versions.at(-1)?.hash !== hash) {
    const reason = versions.length === 0 ? 'first known version' : 'edited in the folder';
    shelf.add({ hash, at: cause.at, reason, approvals: [], files: before });
  }
  shelf.write([...next, ...files.filter((file) => isOther(file.name))]);
  return shelf.add({ ...cause, hash: hashOfFiles(next), files: next });
};

export type WayBack =
  | { readonly ok: true; readonly version: PolicyVersion }
  | { readonly ok: false; readonly why: 'none' | 'unloadable'; readonly text: string };

/** The earlier version that a rollback would bring back: the one asked for, or what was in force before the last change. */
export const wayBack = (shelf: PolicyShelf, to?: number): WayBack => {
  const versions = shelf.versions();
  const edited = versions.at(-1)?.hash !== hashOfFiles(maskingFiles(shelf.read()));
  const version = to === undefined ? versions.at(edited ? -1 : -2) : versions.find(({ number }) => number === to);
  if (version === undefined) return { ok: false, why: 'none', text: 'There is no such earlier version.' };
  return compilePolicySet(version.files).ok
    ? { ok: true, version }
    : {
        ok: false,
        why: 'unloadable',
        text: `Version ${version.number} does not load with this release; nothing was changed.`,
      };
};

export const rollBack = (
  shelf: PolicyShelf,
  { number, files, approvals }: PolicyVersion,
  cause: Omit<Cause, 'approvals' | 'reason'> & { readonly reason?: string },
): PolicyVersion => {
  const reason = `rollback to version ${number}${cause.reason === undefined ? '' : `: ${cause.reason}`}`;
  return putInForce(shelf, files, { ...cause, reason, approvals });
};
