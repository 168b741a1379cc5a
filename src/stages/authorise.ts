import type { FhirInteraction, PatientId } from '../domain/fhir/interaction.ts';
import { findOperation, type OperationTable } from '../domain/fhir/operations.ts';
import { permits } from '../domain/identity/authorise.ts';
import { ownPatient, standsFor } from '../domain/identity/own-patient.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { CompiledPlan } from '../domain/masking/compile.ts';
import { derivedKey } from '../domain/masking/keyed.ts';
import { revealIds } from '../domain/masking/reveal.ts';
import { roleFor } from '../domain/policy/role-policy.ts';
import type { PolicySnapshot } from '../domain/policy/snapshot.ts';
import type { Policies } from '../ports.ts';
import type { Authenticated, Authorised } from './exchange.ts';
import { deny, proceed, type Stage } from './stage.ts';

/** SMART scopes are an upper bound; the role's own rights lie beneath it, and both must allow the call. */
export interface AuthoriseParts {
  readonly policies: Policies;
  readonly operations: OperationTable;
  /** The one in use first, then those before it. */
  readonly maskingKeys: readonly Uint8Array[];
  readonly trueIds: 'understood' | 'refused';
}

export function authorise({
  policies,
  operations,
  maskingKeys,
  trueIds,
}: AuthoriseParts): Stage<Authenticated, Authorised> {
  const masks = maskFinder();
  return {
    name: 'authorise',
    failure: 'scope-insufficient',
    budgetMs: 500,
    run(input, context) {
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
      if (!mayAskAbout(principal, interaction, operations))
        return deny('scope-insufficient', {
          rule: 'operation:self',
          text: 'Only the patient, who stands for the patient, and privacy officers may call this.',
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
      const usual = masks(policy, principal, context.now);
      const study = interaction.kind === 'operation' && isForStudy(interaction, operations);
      if (study && principal.study === undefined)
        return deny('scope-insufficient', {
          rule: 'operation:study',
          text: 'Only who acts for a study may call this: the token must name it.',
        });
      const mask =
        study && usual?.pseudonymous === false ? policy.masking.narrowed(usual, [DEIDENTIFIED], principal) : usual;
      if (mask === undefined) {
        return deny('policy-no-rule', {
          rule: 'policy-no-rule',
          text: 'No masking policy covers this role and purpose.',
        });
      }
      return proceed(
        {
          ...input,
          // What a pseudonymous answer named is asked for by pseudonym: from here on the call names the ids behind them.
          interaction: mask.pseudonymous
            ? revealIds(
                interaction,
                maskingKeys.map((key) => derivedKey(key, `pseudonym/${mask.project}`)),
                trueIds === 'refused' ? (type) => type === undefined || mask.pseudonymises(type) : () => false,
              )
            : interaction,
          mask,
          narrowed: (overlays) => policy.masking.narrowed(mask, overlays, principal),
          raised: () =>
            policy.raised === undefined ? undefined : policy.masking.narrowed(mask, [policy.raised], principal),
          policyHash: policy.hash,
          ...(access.patientOnly === undefined ? {} : { patientOnly: access.patientOnly }),
          ...(access.stored === undefined ? {} : { stored: access.stored }),
        },
        { rule: `role:${role}`, text: 'The scopes and the role allow the call.' },
      );
    },
  };
}

function mayAskAbout(principal: Principal, interaction: FhirInteraction, operations: OperationTable): boolean {
  if (interaction.kind !== 'operation') return true;
  const { name, type, id } = interaction;
  if (findOperation(operations, name, type, id !== undefined)?.rule.about === undefined) return true;
  if (principal.roles.some((role) => role === 'privacy-officer')) return true;
  const patient = (id ?? '') as string as PatientId;
  return ownPatient(principal) === patient || standsFor(principal, patient);
}

/** The overlay for a plan that is not de-identifying by itself. */
const DEIDENTIFIED = 'obligation-deidentify';

const isForStudy = (
  { name, type, id }: Extract<FhirInteraction, { kind: 'operation' }>,
  operations: OperationTable,
): boolean => findOperation(operations, name, type, id !== undefined)?.rule.study === true;

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

/** Plans by principal: principals live as long as their cached token, and a policy set as long as it is in force. */
function maskFinder() {
  const known = new WeakMap<
    Principal,
    { readonly policy: PolicySnapshot; readonly on: string; readonly mask: CompiledPlan | undefined }
  >();
  let day = -1;
  let on = '';
  return (policy: PolicySnapshot, principal: Principal, now: number): CompiledPlan | undefined => {
    const today = Math.floor(now / 86_400_000);
    if (today !== day) {
      day = today;
      on = new Date(now).toISOString().slice(0, 10);
    }
    const found = known.get(principal);
    if (found !== undefined && found.policy === policy && found.on === on) return found.mask;
    const mask = policy.masking.planFor({ ...principal, on });
    known.set(principal, { policy, on, mask });
    return mask;
  };
}
