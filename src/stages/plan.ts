import { criteriaTargets } from '../domain/fhir/criteria.ts';
import type { FhirInteraction, ResourceType } from '../domain/fhir/interaction.ts';
import { problem } from '../domain/problem.ts';
import type { Policies } from '../ports.ts';
import type { Assessed, Planned } from './exchange.ts';
import { deny, proceed, type Stage } from './stage.ts';

/** Finds the compiled mask for role x purpose, and refuses criteria that would read a masked element out by asking. */
export function plan(policies: Policies): Stage<Assessed, Planned> {
  return {
    name: 'plan',
    failure: 'policy-unavailable',
    budgetMs: 500,
    run(input) {
      const policy = policies.current();
      if (policy === undefined)
        return deny('policy-unavailable', { rule: 'policy-unavailable', text: 'No valid policy set is loaded.' });
      const { principal, interaction } = input;
      const masking = policy.masking.planFor(principal);
      if (masking === undefined)
        return deny('policy-no-rule', {
          rule: 'policy-no-rule',
          text: 'No masking policy covers this role and purpose.',
        });
      const type = typeOf(interaction);
      if (type !== undefined && !masking.covers(type))
        return deny('policy-no-rule', {
          rule: masking.id,
          text: 'The masking policy of this role does not cover the resource type.',
        });
      for (const target of criteriaTargets(interaction)) {
        if (!masking.covers(target.type))
          return deny(problem('masked-parameter', { expression: [target.name] }), {
            rule: masking.id,
            text: 'A criterion reaches a resource type outside the policy of this role.',
          });
        const rule = masking.masksParameter(target.type, target.code);
        if (rule !== undefined)
          return deny(problem('masked-parameter', { expression: [target.name] }), {
            rule,
            text: 'A criterion reads an element that this rule masks.',
          });
      }
      return proceed(
        { ...input, plan: masking, policyHash: policy.hash },
        {
          rule: masking.id,
          text: masking.transparent ? 'Nothing is masked for this role.' : 'The masking policy of this role applies.',
        },
      );
    },
  };
}

const typeOf = (interaction: FhirInteraction): ResourceType | undefined =>
  'type' in interaction ? interaction.type : undefined;
