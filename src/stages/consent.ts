import { type ConsentActor, nameActor } from '../domain/consent/actor.ts';
import { type ConsentDecision, type ConsentQuestion, mayTouch } from '../domain/consent/decide.ts';
import type { ConsentAction, ConsentProof, ConsentView, EpochSeconds } from '../domain/consent/grant.ts';
import type { FhirInteraction, PatientId } from '../domain/fhir/interaction.ts';
import { findOperation, type OperationTable } from '../domain/fhir/operations.ts';
import { standsFor } from '../domain/identity/own-patient.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { Instant } from '../domain/instant.ts';
import type { ConsentRegistry, Policies, SubjectKeys } from '../ports.ts';
import type { Consented, Located } from './exchange.ts';
import { deny, proceed, type Stage } from './stage.ts';

export interface ConsentParts {
  readonly registry: ConsentRegistry;
  readonly keys: SubjectKeys;
  readonly policies: Policies;
  readonly operations: OperationTable;
  readonly maxHeadAgeSeconds: number;
  /** Care teams of a person, from the FHIR server's facts: `CareTeam/x`. */
  readonly careTeamsOf: (fhirUser: string) => readonly string[];
  /**
   * Until when the caller's own credential stands. Where it is given, a study's grant that waits for a credential opens for
   * those who showed one here, not for their colleagues.
   */
  readonly credentialOf?: (principal: Principal) => EpochSeconds | undefined;
  /** When this user broke the glass for this purpose; the time box runs from there. */
  readonly openedAt: (principal: Principal, now: EpochSeconds) => EpochSeconds;
}

/**
 * Before the call: could this caller see anything of the patients that it names? Decided from the replica, never by a
 * call to the chain. Patients that only the answer names are put to the same question when they are released.
 */
export function consent(parts: ConsentParts): Stage<Located, Consented> {
  // Principals live as long as their cached token: names are hashed once per token, not once per call.
  const actors = new WeakMap<Principal, { readonly actor: ConsentActor; readonly careTeams: readonly string[] }>();

  const actorOf = (principal: Principal): ConsentActor => {
    const careTeams = principal.fhirUser === undefined ? [] : parts.careTeamsOf(principal.fhirUser);
    const known = actors.get(principal);
    if (known !== undefined && known.careTeams === careTeams) return known.actor;
    const actor = nameActor(
      {
        ...(principal.fhirUser === undefined ? {} : { person: principal.fhirUser }),
        ...(principal.organisation === undefined ? {} : { organisation: principal.organisation }),
        roles: principal.roles,
        careTeams,
        ...(principal.study === undefined ? {} : { study: principal.study }),
        app: principal.client,
      },
      parts.keys.granteeOf,
    );
    actors.set(principal, { actor, careTeams });
    return actor;
  };

  const viewFor = (principal: Principal): ConsentView | undefined => {
    const view = parts.registry.view();
    // Only who acts for a study can be opened to by a credential.
    if (view === undefined || parts.credentialOf === undefined || principal.study === undefined) return view;
    const own = parts.credentialOf(principal);
    return {
      ...view,
      attested(grant, condition) {
        const until = view.attested(grant, condition);
        if (condition !== 'CREDENTIAL' || until === undefined) return until;
        if (own === undefined) return undefined;
        return own < until ? own : until;
      },
    };
  };

  return {
    name: 'consent',
    failure: 'consent-unverifiable',
    budgetMs: 1000,
    run(input, context) {
      const policy = parts.policies.current();
      if (policy === undefined)
        return deny('policy-unavailable', { rule: 'policy-unavailable', text: 'No valid policy set is loaded.' });
      const { principal, subjects } = input;
      const consentView = fresh(parts, context.now) ? viewFor(principal) : undefined;
      // A clock that was set back must not open what has expired on the chain's own clock.
      const now = Math.max(Math.floor(context.now / 1000), consentView?.head.time ?? 0) as EpochSeconds;
      const question: Consented['question'] = {
        actor: actorOf(principal),
        roles: principal.roles,
        purpose: principal.purpose,
        action: actionOf(input.interaction, parts.operations),
        now,
        ...inPlaceOf(principal, input.interaction, parts.operations),
        ...(principal.reason === undefined || !policy.consent.breakGlass.purposes.has(principal.purpose)
          ? {}
          : {
              breakGlass: {
                reason: principal.reason,
                lastView: parts.registry.view(),
                openedAt: input.considered === true ? now : parts.openedAt(principal, now),
              },
            }),
      };
      const proofs = new Map<PatientId, ConsentProof>();
      const consented: Consented = {
        ...input,
        consentView,
        consentPolicy: policy.consent,
        classifier: policy.classifier,
        question,
        proofs,
      };
      if (subjects.kind !== 'patients') {
        // With a stale chain nothing that a patient might own can be released; say so before the upstream is asked.
        if (
          consentView === undefined &&
          subjects.kind === 'discover' &&
          principal.reason === undefined &&
          !isPatient(principal)
        )
          return unverifiable;
        return proceed(consented);
      }
      let refusal: Exclude<ConsentDecision, { effect: 'permit' }> | undefined;
      for (const patient of subjects.ids) {
        const decision = mayTouch(
          consentView,
          questionFor(question, patient, principal, parts.keys),
          0,
          policy.consent,
        );
        if (decision.effect === 'permit') proofs.set(patient, decision.proof);
        else refusal ??= decision;
      }
      if (refusal !== undefined && (subjects.every || proofs.size === 0)) {
        return refusal.reasons.some((reason) => reason.rule === 'consent:unverifiable')
          ? unverifiable
          : deny('consent-not-granted', ...refusal.reasons);
      }
      const first = proofs.values().next().value;
      return proceed(
        consented,
        ...(first === undefined
          ? []
          : [{ rule: first.grants[0] ?? `consent:${first.basis}`, text: basisText[first.basis] }]),
      );
    },
  };
}

const unverifiable = deny('consent-unverifiable', {
  rule: 'consent:unverifiable',
  text: 'The state of the chain is too old or not proven.',
});

const basisText = {
  grant: 'The patient has granted this access.',
  self: 'Patients see their own record.',
  'opt-out': 'The purpose of use is open unless the patient refuses.',
  'not-required': 'The purpose of use needs no consent here.',
  'break-glass': 'Emergency access with a stated reason; it will be reviewed.',
} as const;

const fresh = (parts: ConsentParts, now: Instant): boolean => {
  const age = parts.registry.headAge(now);
  return age >= 0 ? age <= parts.maxHeadAgeSeconds : age > -parts.maxHeadAgeSeconds;
};

const isPatient = (principal: Principal): boolean => principal.fhirUser?.startsWith('Patient/') === true;

export const questionFor = (
  question: Consented['question'],
  patient: PatientId,
  principal: Principal,
  keys: SubjectKeys,
): ConsentQuestion => ({
  ...question,
  subject: keys.subjectOf(patient),
  self: principal.fhirUser === `Patient/${patient}` || question.inPlaceOf === patient,
});

/** A guardian asks what only the patient may, such as who looked; the record itself still needs a grant to the guardian. */
function inPlaceOf(
  principal: Principal,
  interaction: FhirInteraction,
  operations: OperationTable,
): Pick<Consented['question'], 'inPlaceOf'> {
  if (interaction.kind !== 'operation' || interaction.id === undefined) return {};
  const { name, type, id } = interaction;
  const patient = id as string as PatientId;
  const open = type === 'Patient' && findOperation(operations, name, type, true)?.rule.about === 'self';
  return open && standsFor(principal, patient) ? { inPlaceOf: patient } : {};
}

export function actionOf(interaction: FhirInteraction, operations: OperationTable): ConsentAction {
  switch (interaction.kind) {
    case 'read':
    case 'vread':
    case 'history':
    case 'capabilities':
      return 'read';
    case 'search':
    case 'graphql':
      return 'search';
    case 'create':
      return 'create';
    case 'update':
    case 'patch':
      return 'update';
    case 'delete':
      return 'delete';
    case 'operation':
      return operationAction(interaction, operations);
    case 'batch':
    case 'transaction':
      return 'search';
    default:
      return interaction satisfies never;
  }
}

/** $everything is a search under another name: it needs the patient's leave for what it does, not for how it is called. */
function operationAction(
  { name, type, id }: Extract<FhirInteraction, { kind: 'operation' }>,
  operations: OperationTable,
): ConsentAction {
  const acts = findOperation(operations, name, type, id !== undefined)?.rule.acts ?? 'none';
  return acts === 'none' ? 'operation' : acts;
}
