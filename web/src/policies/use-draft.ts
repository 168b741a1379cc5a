import { useCallback, useMemo, useState } from 'react';
import type { FileChange } from '../../../src/domain/policy/draft.ts';
import type { PolicyFile } from '../../../src/domain/policy/source.ts';

/** The files in force with what the officer has changed in them. */
export interface Draft {
  readonly files: readonly PolicyFile[];
  readonly changes: readonly FileChange[];
  textOf(name: string): string;
  set(name: string, text: string): void;
  discard(): void;
}

export const useDraft = (inForce: readonly PolicyFile[]): Draft => {
  const [edits, setEdits] = useState<ReadonlyMap<string, string>>(new Map());
  const base = useMemo(() => new Map(inForce.map(({ name, text }) => [name, text])), [inForce]);
  const changes = useMemo(
    () => [...edits].filter(([name, text]) => base.get(name) !== text).map(([name, text]) => ({ name, text })),
    [edits, base],
  );
  const files = useMemo(() => {
    const all = new Map([...base, ...edits]);
    return [...all].map(([name, text]) => ({ name, text })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }, [base, edits]);
  const set = useCallback((name: string, text: string) => setEdits((old) => new Map(old).set(name, text)), []);
  const discard = useCallback(() => setEdits(new Map()), []);
  return useMemo(
    () => ({ files, changes, textOf: (name) => edits.get(name) ?? base.get(name) ?? '', set, discard }),
    [files, changes, edits, base, set, discard],
  );
};
