import { isMap } from 'yaml';
import { scan } from '../json/scan.ts';
import { applySplices } from '../json/splice.ts';
import { maskResource } from '../masking/walk.ts';
import type { FileChange } from './draft.ts';
import { editList } from './edit.ts';
import type { PolicySet } from './policy-set.ts';
import type { PolicyFile } from './source.ts';
import { PolicySource } from './source.ts';
import { type PolicyTests, readTests, testContext, withoutLabels } from './tests.ts';

/** A preview that is to stay as it is. */
export interface TestToSave {
  readonly name: string;
  readonly role: string;
  readonly purpose: string;
  readonly client?: string;
  readonly organisation?: string;
  readonly study?: string;
  readonly overlays?: readonly string[];
  readonly asOf: string;
}

export type Saved = { readonly ok: true; readonly change: FileChange } | { readonly ok: false; readonly text: string };

const whoOf = ({ role, purpose, client, organisation, study }: TestToSave) => ({
  roles: role.split('+'),
  purpose,
  ...(client === undefined ? {} : { client }),
  ...(organisation === undefined ? {} : { organisation }),
  ...(study === undefined ? {} : { study }),
});

const isFor = (tests: PolicyTests, wanted: TestToSave): boolean =>
  JSON.stringify([tests.who, tests.asOf, tests.overlays]) ===
  JSON.stringify([whoOf(wanted), wanted.asOf, wanted.overlays ?? []]);

/** The outcome under the key of the tests, as a case demands it. */
const caseOf = (set: PolicySet, wanted: TestToSave, bytes: Uint8Array): Record<string, unknown> | string => {
  const who = whoOf(wanted);
  const chosen = set.planFor(who);
  const overlays = wanted.overlays ?? [];
  const plan = chosen === undefined || overlays.length === 0 ? chosen : set.narrowed(chosen, overlays, who);
  const scanned = scan(bytes);
  if (!scanned.ok) return 'The resource is not JSON that can be judged.';
  const resource: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const head = { name: wanted.name, resource };
  if (plan === undefined) return { ...head, withheld: true };
  const masked = maskResource(scanned.tape, 0, plan, testContext(wanted.asOf));
  if (masked.kind === 'unmaskable') return { ...head, withheld: true };
  const result = JSON.parse(new TextDecoder().decode(applySplices(bytes, masked.splices))) as {
    meta?: { security?: readonly { code?: string }[] };
  };
  const labels = (result.meta?.security ?? []).map(({ code }) => code ?? '');
  return { ...head, result: withoutLabels(result), labels };
};

/** Writes the outcome of a preview beside the policies as a case: the set does not load any more when it comes out otherwise. */
export const saveAsTest = (
  files: readonly PolicyFile[],
  set: PolicySet,
  wanted: TestToSave,
  resource: Uint8Array,
): Saved => {
  const made = caseOf(set, wanted, resource);
  if (typeof made === 'string') return { ok: false, text: made };
  const home = files.find((file) => {
    const source = new PolicySource(file);
    const tests = source.fieldNames().includes('tests') ? readTests(source) : undefined;
    return tests !== undefined && isFor(tests, wanted);
  });
  const { name, text } = home ?? newFile(files, wanted);
  const edited = editList(text, 'cases', (cases, document) => {
    const node = document.createNode(made);
    const old = cases.items.findIndex((item) => isMap(item) && item.get('name') === wanted.name);
    if (old < 0) cases.items.push(node);
    else cases.items[old] = node;
  });
  return { ok: true, change: { name, text: edited } };
};

const newFile = (files: readonly PolicyFile[], wanted: TestToSave): PolicyFile => {
  const base = `${wanted.role}-${wanted.purpose}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  let title = base;
  for (let count = 2; files.some(({ name }) => name === `tests/${title}.test.yaml`); count += 1)
    title = `${base}-${count}`;
  const line = (field: string, value: string | undefined): string =>
    value === undefined ? '' : `${field}: ${JSON.stringify(value)}\n`;
  const text = [
    `tests: ${title}\n`,
    line('role', wanted.role),
    line('purpose', wanted.purpose),
    line('client', wanted.client),
    line('organisation', wanted.organisation),
    line('study', wanted.study),
    `as-of: ${wanted.asOf}\n`,
    (wanted.overlays ?? []).length === 0 ? '' : `overlays: ${JSON.stringify(wanted.overlays)}\n`,
  ];
  return { name: `tests/${title}.test.yaml`, text: text.join('') };
};
