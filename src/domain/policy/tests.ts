import type { ResourceType } from '../fhir/interaction.ts';
import { scan } from '../json/scan.ts';
import { applySplices } from '../json/splice.ts';
import type { MaskingContext } from '../masking/plan.ts';
import { maskResource } from '../masking/walk.ts';
import type { PolicySet } from './policy-set.ts';
import type { PolicySource } from './source.ts';

/** Cases that stand beside the policies: a set whose cases fail does not load. */
export interface PolicyTests {
  readonly file: string;
  readonly who: {
    readonly roles: readonly string[];
    readonly purpose: string;
    readonly client?: string;
    readonly organisation?: string;
    readonly study?: string;
  };
  readonly asOf: string;
  readonly overlays: readonly string[];
  readonly cases: readonly PolicyCase[];
}

export interface PolicyCase {
  readonly name: string;
  readonly line: number;
  readonly resource: unknown;
  /** Exactly this is left, labels aside. */
  readonly result?: unknown;
  readonly present: readonly string[];
  readonly absent: readonly string[];
  readonly withheld: boolean;
  readonly labels?: readonly string[];
  readonly refused: readonly string[];
  readonly open: readonly string[];
}

export interface TestResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly failures: readonly string[];
  /** Rules that fired. */
  readonly rules: readonly string[];
}

export const readTests = (source: PolicySource): PolicyTests | undefined => {
  const fields = source.members(
    source.root,
    ['tests', 'role', 'purpose', 'client', 'organisation', 'study', 'as-of', 'overlays', 'cases'],
    'A test file',
  );
  const role = source.text(fields.get('role'), '`role`');
  const purpose = source.text(fields.get('purpose'), '`purpose`');
  if (role === undefined || purpose === undefined) {
    source.fault(source.root, 'A test file needs a `role` and a `purpose`.');
    return undefined;
  }
  const texts = (name: string, of: Map<string, PolicySource['root']>): string[] =>
    source.words(of.get(name), `\`${name}\``).map(({ text }) => text);
  const optional = (name: 'client' | 'organisation' | 'study') => {
    const text = source.text(fields.get(name), `\`${name}\``);
    return text === undefined ? {} : { [name]: text };
  };
  return {
    file: source.file.name,
    who: { roles: role.split('+'), purpose, ...optional('client'), ...optional('organisation'), ...optional('study') },
    asOf: source.word(fields.get('as-of'), '`as-of`') ?? '2026-01-01',
    overlays: texts('overlays', fields),
    cases: source.items(fields.get('cases'), '`cases`').map((node) => {
      const of = source.members(
        node,
        ['name', 'resource', 'result', 'present', 'absent', 'withheld', 'labels', 'refused', 'open'],
        'A case',
      );
      return {
        name: source.text(of.get('name'), '`name`') ?? '',
        line: source.place(node).line,
        resource: source.value(of.get('resource')),
        ...(of.has('result') ? { result: source.value(of.get('result')) } : {}),
        present: texts('present', of),
        absent: texts('absent', of),
        withheld: source.flag(of.get('withheld'), '`withheld`') ?? false,
        ...(of.has('labels') ? { labels: texts('labels', of) } : {}),
        refused: texts('refused', of),
        open: texts('open', of),
      };
    }),
  };
};

/** Any key does for a test: cases compare what does not hang on it. */
export const testContext = (asOf: string): MaskingContext => ({ asOf, key: () => testKey });
const testKey = new Uint8Array(32).fill(7);

export const withoutLabels = (resource: unknown): unknown => {
  if (typeof resource !== 'object' || resource === null) return resource;
  const { meta, ...rest } = resource as { meta?: Record<string, unknown> };
  if (meta === undefined) return rest;
  const { security: _labels, ...others } = meta;
  return Object.keys(others).length === 0 ? rest : { ...rest, meta: others };
};

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
};

const same = (left: unknown, right: unknown): boolean => JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));

export const runTests = (set: PolicySet, tests: PolicyTests): readonly TestResult[] =>
  tests.cases.map((each) => {
    const rules = new Set<string>();
    const failures = failuresOf(set, tests, each, rules);
    return { name: each.name, file: tests.file, line: each.line, failures, rules: [...rules] };
  });

const failuresOf = (set: PolicySet, tests: PolicyTests, each: PolicyCase, rules: Set<string>): readonly string[] => {
  const chosen = set.planFor(tests.who);
  const plan =
    chosen === undefined || tests.overlays.length === 0 ? chosen : set.narrowed(chosen, tests.overlays, tests.who);
  if (plan === undefined) return each.withheld ? [] : ['No policy holds for this role and purpose.'];
  const failures: string[] = [];
  for (const [names, refused] of [
    [each.refused, true],
    [each.open, false],
  ] as const) {
    for (const name of names) {
      // `Observation?value-quantity&code=4548-4`, `Patient?identifier=http://system|`
      const [type = '', query = ''] = name.split('?');
      const [first = '', ...others] = query.split('&');
      const [parameter = '', value] = first.split('=');
      const [code = '', modifier] = parameter.split(':');
      const codes = others.filter((each) => each.startsWith('code=')).map((each) => each.slice(5));
      const rule = plan.masksParameter(type as ResourceType, code, {
        ...(modifier === undefined ? {} : { modifier }),
        ...(value?.includes('|') ? { systems: [value.split('|')[0] ?? ''] } : {}),
        ...(codes.length === 0 ? {} : { codes }),
      });
      if ((rule !== undefined) !== refused) {
        failures.push(refused ? `The search ${name} is open.` : `The search ${name} is refused by ${rule}.`);
      }
    }
  }
  if (each.resource === undefined) return failures;
  const bytes = new TextEncoder().encode(JSON.stringify(each.resource));
  const scanned = scan(bytes);
  if (!scanned.ok) return [...failures, 'The resource is not JSON that can be judged.'];
  const masked = maskResource(scanned.tape, 0, plan, testContext(tests.asOf));
  if (masked.kind === 'unmaskable') {
    return each.withheld ? failures : [...failures, `The resource is withheld: ${masked.reason}.`];
  }
  for (const rule of masked.rules) rules.add(rule);
  if (each.withheld) return [...failures, 'The resource is not withheld.'];
  const text = new TextDecoder().decode(applySplices(bytes, masked.splices));
  const result = JSON.parse(text) as { meta?: { security?: readonly { code?: string }[] } };
  for (const value of each.present) if (!text.includes(value)) failures.push(`"${value}" is gone.`);
  for (const value of each.absent) if (text.includes(value)) failures.push(`"${value}" is still there.`);
  if (each.result !== undefined && !same(withoutLabels(result), each.result)) {
    failures.push(`The result is ${JSON.stringify(withoutLabels(result))}.`);
  }
  const labels = (result.meta?.security ?? []).map((label) => label.code ?? '');
  if (each.labels !== undefined && !same([...each.labels].sort(), labels.sort())) {
    failures.push(`The labels are ${labels.join(', ') || 'none'}.`);
  }
  return failures;
};
