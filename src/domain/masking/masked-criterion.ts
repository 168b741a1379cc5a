import { criteriaTargets } from '../fhir/criteria.ts';
import type { FhirInteraction } from '../fhir/interaction.ts';
import type { OperationTable } from '../fhir/operations.ts';
import type { CompiledPlan } from './compile.ts';

/** A criterion that would read a masked element out by asking. */
export interface MaskedCriterion {
  /** The parameter as the caller wrote it. */
  readonly name: string;
  /** Absent: it reaches a resource type that the plan does not cover. */
  readonly rule?: string;
}

/** The first criterion of a call that its mask closes, whatever it would find. */
export const maskedCriterion = (
  interaction: FhirInteraction,
  mask: CompiledPlan,
  operations: OperationTable,
): MaskedCriterion | undefined => {
  for (const target of criteriaTargets(interaction, operations)) {
    if (!mask.covers(target.type)) {
      // The call ranges over every type there is: those without a rule are left out of the answer.
      if (target.broad === true) continue;
      return { name: target.name };
    }
    const rule = mask.masksParameter(target.type, target.code, target.detail);
    if (rule !== undefined) return { name: target.name, rule };
  }
  return undefined;
};
