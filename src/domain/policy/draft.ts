import type { PolicyFault } from './fault.ts';
import type { PolicyFile } from './source.ts';

/** One file of the masking policies as it is to be; `null` takes it away. */
export interface FileChange {
  readonly name: string;
  readonly text: string | null;
}

type Drafted =
  | { readonly ok: true; readonly files: readonly PolicyFile[] }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] };

const inFolder = /^(?:[a-z0-9][a-z0-9-]*\/)*[a-z0-9][a-z0-9-]*(?:\.test)?\.ya?ml$/;

/** The files of a set with a draft laid over them. A draft reaches masking policies, element classes and their tests alone. */
export const withChanges = (files: readonly PolicyFile[], changes: readonly FileChange[]): Drafted => {
  const result = new Map(files.map((file) => [file.name, file]));
  const faults: PolicyFault[] = [];
  for (const { name, text } of changes) {
    if (!inFolder.test(name) || isOther(name))
      faults.push({
        severity: 'error',
        file: name,
        line: 1,
        column: 1,
        text: 'A draft changes masking policies, element classes and their tests: no other file, and none outside the folder.',
      });
    else if (text === null) result.delete(name);
    else result.set(name, { name, text });
  }
  if (faults.length > 0) return { ok: false, faults };
  return { ok: true, files: [...result.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
};

/** For a look at what a draft would do: a red test stops a change, and not the look. */
export const withoutTests = (files: readonly PolicyFile[]): readonly PolicyFile[] =>
  files.filter(({ text }) => !/^tests:/m.test(text));

/** What turns one set of masking policies into the other. */
export const changesBetween = (before: readonly PolicyFile[], after: readonly PolicyFile[]): readonly FileChange[] => {
  const was = new Map(before.map(({ name, text }) => [name, text]));
  const changes: FileChange[] = after.filter(({ name, text }) => was.get(name) !== text);
  const is = new Set(after.map(({ name }) => name));
  return [...changes, ...[...was.keys()].filter((name) => !is.has(name)).map((name) => ({ name, text: null }))];
};

/** The files of this folder that are not masking policies. */
export const isOther = (name: string): boolean => otherFiles.has(name) || name.startsWith('data-classes/');

const otherFiles: ReadonlySet<string> = new Set(['roles.yaml', 'consent.yaml', 'risk.yaml', 'cohorts.yaml']);

export const otherPolicies = (files: readonly PolicyFile[]): readonly PolicyFile[] =>
  files.filter(({ name }) => isOther(name));

export const maskingFiles = (files: readonly PolicyFile[]): readonly PolicyFile[] =>
  files.filter(({ name }) => !isOther(name));
