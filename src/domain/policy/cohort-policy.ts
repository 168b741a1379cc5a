import { Type } from '@sinclair/typebox';
import type { CohortLimits } from '../masking/cohort.ts';
import { LOWEST_K } from '../masking/cohort.ts';
import { type CohortAttribute, cohortAttributes } from '../masking/cohort-attributes.ts';
import type { PolicyFault } from './fault.ts';
import { shapedYaml } from './shaped-yaml.ts';

/** What may be counted of cohorts, and how coarsely. */
export interface CohortPolicy extends CohortLimits {
  /** Different groups of which one requester, or one study, is told the number in all. */
  readonly groups: number;
  readonly attributes: readonly CohortAttribute[];
  readonly sensitive: readonly CohortAttribute[];
}

const attribute = Type.Union(cohortAttributes.map((name) => Type.Literal(name)));
const schema = Type.Object(
  {
    kind: Type.Literal('cohorts'),
    k: Type.Integer({ minimum: LOWEST_K, maximum: 1000 }),
    l: Type.Integer({ minimum: 1, maximum: 100 }),
    t: Type.Number({ minimum: 0, maximum: 1 }),
    groups: Type.Integer({ minimum: 1, maximum: 300 }),
    attributes: Type.Array(attribute, { uniqueItems: true }),
    sensitive: Type.Array(attribute, { uniqueItems: true }),
  },
  { additionalProperties: false },
);

/** Reads `policies/cohorts.yaml`. */
export const parseCohortPolicy = (
  file: string,
  text: string,
):
  | { readonly ok: true; readonly policy: CohortPolicy }
  | { readonly ok: false; readonly faults: readonly PolicyFault[] } => {
  const shaped = shapedYaml(file, text, schema);
  return shaped.ok ? { ok: true, policy: shaped.value } : shaped;
};
