import { type Static, Type } from '@sinclair/typebox';
import { classBit, labelBit } from '../consent/bits.ts';
import { classifier, type DataClassifier } from '../consent/classifier.ts';
import { dataClasses, securityLabels } from '../consent/grant.ts';
import type { ValueSet } from '../consent/value-set.ts';
import type { PolicyFault } from './fault.ts';
import { nearestName } from './nearest.ts';
import { type Shaped, shapedYaml } from './shaped-yaml.ts';

const strict = { additionalProperties: false };
const word = Type.String({ minLength: 1 });
const type = Type.String({ pattern: '^[A-Z][A-Za-z]+$' });
const example = Type.Object({ system: word, code: word }, strict);

const schema = Type.Object(
  {
    version: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\d$' }),
    title: word,
    sets: Type.Array(
      Type.Object(
        {
          class: Type.Optional(word),
          label: Type.Optional(word),
          /** Every resource of these types, whatever its codes. */
          types: Type.Optional(Type.Array(type)),
          /** The types in which the codes count; absent: all. */
          only: Type.Optional(Type.Array(type)),
          /** System to codes; `F32*` is every code that begins with `F32`. */
          codes: Type.Optional(Type.Record(Type.String(), Type.Array(word, { minItems: 1 }))),
        },
        strict,
      ),
      { minItems: 1 },
    ),
    tests: Type.Optional(
      Type.Object({ holds: Type.Optional(Type.Array(example)), lacks: Type.Optional(Type.Array(example)) }, strict),
    ),
  },
  strict,
);
type File = Static<typeof schema>;
type Good = Extract<Shaped<typeof schema>, { ok: true }>;

export interface ValueSetSource {
  readonly file: string;
  readonly text: string;
}

export type DataClassesFiles =
  | { readonly ok: true; readonly classifier: DataClassifier }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] };

const misnamed = (shaped: Good, path: readonly (string | number)[], name: string, names: readonly string[]) => {
  const nearest = nearestName(name, names);
  const found = shaped.fault(path, `\`${name}\` is not one of ${names.join(', ')}.`);
  return nearest === undefined ? found : { ...found, nearest };
};

const setsOf = (file: string, shaped: Good, faults: PolicyFault[]): readonly ValueSet[] =>
  shaped.value.sets.map((set, index) => {
    const at = ['sets', index] as const;
    if ((set.class === undefined) === (set.label === undefined)) {
      faults.push(shaped.fault(at, 'A set names either the class or the label that it gives.'));
    }
    const classes = set.class === undefined ? 0 : classBit(set.class);
    const labels = set.label === undefined ? 0 : labelBit(set.label);
    if (set.class !== undefined && classes === 0) {
      faults.push(misnamed(shaped, [...at, 'class'], set.class, dataClasses));
    }
    if (set.label !== undefined && labels === 0) {
      faults.push(misnamed(shaped, [...at, 'label'], set.label, securityLabels));
    }
    return {
      id: `${file}#${set.class ?? set.label ?? index}`,
      classes,
      labels,
      types: set.types ?? [],
      only: set.only ?? [],
      codes: Object.entries(set.codes ?? {}).map(([system, codes]) => ({ system, codes })),
    };
  });

/** The tests that each file carries; a file that fails its own tests does not load. */
const testFaults = (file: string, shaped: Good, sets: readonly ValueSet[]): readonly PolicyFault[] => {
  const own = classifier(sets, '');
  const tests: File['tests'] = shaped.value.tests;
  const check = (kind: 'holds' | 'lacks'): readonly PolicyFault[] =>
    (tests?.[kind] ?? []).flatMap(({ system, code }, index) => {
      const found = own.sets(system, code).length > 0;
      return found === (kind === 'holds')
        ? []
        : [shaped.fault(['tests', kind, index], `The test fails: ${file} ${found ? 'holds' : 'lacks'} ${code}.`)];
    });
  return [...check('holds'), ...check('lacks')];
};

/** Reads the files of `policies/data-classes/` into one classifier; `version` is that of the newest file. */
export const parseDataClasses = (sources: readonly ValueSetSource[]): DataClassesFiles => {
  const faults: PolicyFault[] = [];
  const sets: ValueSet[] = [];
  let version = '';
  for (const { file, text } of sources) {
    const shaped = shapedYaml(file, text, schema);
    if (!shaped.ok) {
      faults.push(...shaped.faults);
      continue;
    }
    const own = setsOf(file, shaped, faults);
    faults.push(...testFaults(file, shaped, own));
    sets.push(...own);
    if (shaped.value.version > version) version = shaped.value.version;
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, classifier: classifier(sets, version) };
};
