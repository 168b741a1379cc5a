import type { OperationTable } from '../domain/fhir/operations.ts';
import { maskedCriterion } from '../domain/masking/masked-criterion.ts';
import { policiesOf } from '../domain/policy/policy-set.ts';
import { problem } from '../domain/problem.ts';
import { reaches } from '../domain/risk/score.ts';
import type { Assessed, Planned } from './exchange.ts';
import { reachOf } from './reach.ts';
import { deny, proceed, type Stage } from './stage.ts';

/**
 * Holds the call against the caller's mask: types without a rule, and criteria that would read a masked element out by asking. The mask of a
 * risky call is raised here, so that all that comes after knows no other.
 */
export function plan(operations: OperationTable): Stage<Assessed, Planned> {
  return {
    name: 'plan',
    failure: 'policy-unavailable',
    budgetMs: 500,
    run(input) {
      const { interaction } = input;
      const raised = isRaised(input);
      const mask = raised ? input.raised() : input.mask;
      if (mask === undefined)
        return deny('policy-no-rule', {
          rule: 'risk:mask-more',
          text: 'The risk of this call asks for more masking, and the policies have no overlay for it.',
        });
      const refusedWrite = (raised ? input.refusedRaised?.() : undefined) ?? input.refusedWrite;
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
      const narrower = raised
        ? {
            mask,
            narrowed: (overlays: readonly string[]) => input.narrowed([...policiesOf(mask.id), ...overlays]),
            isRaised: true as const,
          }
        : {};
      return proceed(
        { ...input, ...narrower, plan: mask, reached },
        {
          rule: mask.id,
          text: raised
            ? 'The risk of this call asks for more masking: an overlay is laid over the policy of this role.'
            : mask.transparent
              ? 'Nothing is masked for this role.'
              : 'The masking policy of this role applies.',
        },
      );
    },
  };
}

/** What a patient sees of their own record is never raised. */
const isRaised = ({ assessment, accessEvent }: Assessed): boolean =>
  reaches(assessment.action, 'mask-more') && accessEvent.own !== true;
