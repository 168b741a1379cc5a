import type { FhirInteraction } from '../domain/fhir/interaction.ts';
import type { OperationTable } from '../domain/fhir/operations.ts';
import { permits } from '../domain/identity/authorise.ts';
import { roleFor } from '../domain/policy/role-policy.ts';
import type { Policies } from '../ports.ts';
import type { Authenticated, Authorised } from './exchange.ts';
import { deny, proceed, type Stage } from './stage.ts';

/** SMART scopes are an upper bound; the role's own rights lie beneath it, and both must allow the call. */
export function authorise(policies: Policies, operations: OperationTable): Stage<Authenticated, Authorised> {
  return {
    name: 'authorise',
    failure: 'scope-insufficient',
    budgetMs: 500,
    run(input) {
      const policy = policies.current();
      if (policy === undefined)
        return deny('policy-unavailable', { rule: 'policy-unavailable', text: 'No valid policy set is loaded.' });
      const { principal, interaction } = input;
      const access = permits(principal, interaction, operations);
      if (!access.ok)
        return deny(access.problem, {
          rule: access.problem.scope ?? 'scope',
          text: 'No scope of the token allows the call.',
        });
      const role = roleFor(
        policy.roles,
        principal.roles,
        principal.purpose,
        rightOf(interaction),
        'type' in interaction ? interaction.type : undefined,
      );
      if (role === undefined)
        return deny('scope-insufficient', {
          rule: `role:${principal.roles[0] ?? 'none'}`,
          text: 'No role of the token allows the call for its purpose of use.',
        });
      return proceed(
        {
          ...input,
          ...(access.patientOnly === undefined ? {} : { patientOnly: access.patientOnly }),
          ...(access.stored === undefined ? {} : { stored: access.stored }),
        },
        { rule: `role:${role}`, text: 'The scopes and the role allow the call.' },
      );
    },
  };
}

function rightOf(interaction: FhirInteraction): 'read' | 'write' {
  switch (interaction.kind) {
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return 'write';
    case 'read':
    case 'vread':
    case 'search':
    case 'history':
    case 'operation':
    case 'graphql':
    case 'capabilities':
    case 'batch':
    case 'transaction':
      return 'read';
    default:
      return interaction satisfies never;
  }
}
