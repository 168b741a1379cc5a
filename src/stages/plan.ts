import type { OperationTable } from '../domain/fhir/operations.ts';
import { maskedCriterion } from '../domain/masking/masked-criterion.ts';
import { problem } from '../domain/problem.ts';
import type { Assessed, Planned } from './exchange.ts';
import { reachOf } from './reach.ts';
import { deny, proceed, type Stage } from './stage.ts';

/** Holds the call against the caller's mask: types without a rule, and criteria that would read a masked element out by asking. */
export function plan(operations: OperationTable): Stage<Assessed, Planned> {
  return {
    name: 'plan',
    failure: 'policy-unavailable',
    budgetMs: 500,
    run(input) {
      const { interaction, mask, refusedWrite } = input;
      const type = 'type' in interaction ? interaction.type : undefined;
      if (type !== undefined && !mask.covers(type)) {
        return deny('policy-no-rule', {
          rule: mask.id,
          text: 'The masking policy of this role does not cover the resource type.',
        });
      }
      if (refusedWrite !== undefined)
        return deny(refusedWrite, {
          rule: refusedWrite.code,
          text: 'The write does not fit the version that stands, as this role may see it.',
        });
      const masked = maskedCriterion(interaction, mask, operations);
      if (masked !== undefined) {
        return deny(problem('masked-parameter', { expression: [masked.name] }), {
          rule: masked.rule ?? mask.id,
          text:
            masked.rule === undefined
              ? 'A criterion reaches a resource type outside the policy of this role.'
              : 'A criterion reads an element that this rule masks.',
        });
      }
      const reached = reachOf(interaction, input.classifier);
      if ('code' in reached)
        return deny(reached, {
          rule: 'reach',
          text: 'A criterion leads into records of patients whom the answer does not name.',
        });
      return proceed(
        { ...input, plan: mask, reached },
        {
          rule: mask.id,
          text: mask.transparent ? 'Nothing is masked for this role.' : 'The masking policy of this role applies.',
        },
      );
    },
  };
}
