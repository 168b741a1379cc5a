import type { PurposeOfUse } from '../identity/principal.ts';
import type { Reason } from '../reason.ts';
import type { ConsentActor } from './actor.ts';
import { actionBit, everyClass, labelNames, noOverride, purposeBit } from './bits.ts';
import { type BreakGlassClaim, breakGlass, closedByPatient } from './break-glass.ts';
import type { ConsentAction, ConsentProof, ConsentView, EpochSeconds, Grant, GrantId, SubjectKey } from './grant.ts';
import { FIT, type Fit, fitBefore, fitResource, type ResourceFacts } from './match.ts';
import { type ConsentPolicy, modelOf } from './policy.ts';

export interface ConsentQuestion {
  /** `undefined`: the patient has no key here, so no grant can exist. */
  readonly subject: SubjectKey | undefined;
  /** The caller is this patient. */
  readonly self: boolean;
  readonly actor: ConsentActor;
  /** Role codes, for the rules of the policy. */
  readonly roles: readonly string[];
  readonly purpose: PurposeOfUse;
  readonly action: ConsentAction;
  readonly now: EpochSeconds;
  readonly breakGlass?: BreakGlassClaim;
}

/** What a permit asks of the gateway. */
export type ConsentObligation =
  | { readonly code: 'REDACT'; readonly labels: readonly string[] }
  | { readonly code: 'DEIDENTIFY' }
  | { readonly code: 'NOTIFY' }
  | { readonly code: 'REVIEW'; readonly by: EpochSeconds; readonly until: EpochSeconds };

export type ConsentDecision =
  | {
      readonly effect: 'permit';
      readonly proof: ConsentProof;
      readonly reasons: readonly Reason[];
      readonly obligations: readonly ConsentObligation[];
    }
  | {
      readonly effect: 'deny' | 'no-consent';
      readonly proof?: undefined;
      /** The grants that closed it. */
      readonly grants: readonly GrantId[];
      readonly reasons: readonly Reason[];
      readonly obligations: readonly ConsentObligation[];
    };

const none: readonly never[] = [];
const deidentified = actionBit('deidentified');

const popCount = (bitmap: number): number => {
  let count = 0;
  for (let rest = bitmap; rest !== 0; rest &= rest - 1) count += 1;
  return count;
};

const kindRank = { person: 6, study: 5, app: 4, 'care-team': 3, role: 2, organisation: 1 } as const;

/** A narrower statement says more about why: one person before an organisation, few classes before all. */
const specificity = (grant: Grant): number =>
  kindRank[grant.granteeKind] * 1000 +
  (grant.labels === 0 ? 0 : 200 - popCount(grant.labels)) +
  (grant.classes === 0 ? 0 : 100 - popCount(grant.classes)) +
  (grant.purposes === 0 ? 0 : 40 - popCount(grant.purposes)) +
  (grant.actions === 0 ? 0 : 10 - popCount(grant.actions));

const missText: Readonly<Record<Fit, string>> = {
  [FIT.grantee]: 'The patient has granted nothing to this caller.',
  [FIT.purpose]: 'The patient has granted this caller access for other purposes only.',
  [FIT.action]: 'The patient has granted this caller other actions only.',
  [FIT.notYet]: 'The consent has not begun yet.',
  [FIT.expired]: 'The consent has expired.',
  [FIT.class]: 'The consent does not cover this kind of data.',
  [FIT.label]: 'The data is sensitive and the consent does not name its label.',
  [FIT.date]: 'The consent does not cover data of this time.',
  [FIT.condition]: 'The consent needs a fact, such as a referral, that is not attested or has expired.',
  [FIT.whole]: 'The consent covers this access.',
};

const missRule: Readonly<Record<Fit, string>> = {
  [FIT.grantee]: 'grantee',
  [FIT.purpose]: 'purpose',
  [FIT.action]: 'action',
  [FIT.notYet]: 'not-yet',
  [FIT.expired]: 'expired',
  [FIT.class]: 'class',
  [FIT.label]: 'label',
  [FIT.date]: 'date',
  [FIT.condition]: 'condition',
  [FIT.whole]: 'whole',
};

const proofOf = (
  basis: ConsentProof['basis'],
  grants: readonly GrantId[],
  view: ConsentView | undefined,
  purpose: PurposeOfUse,
): ConsentProof => ({
  basis,
  grants,
  contract: view?.contract ?? '',
  block: view?.head.number ?? -1,
  blockHash: view?.head.hash ?? '',
  purpose,
});

const permit = (
  proof: ConsentProof,
  reason: Reason,
  obligations: readonly ConsentObligation[] = none,
): ConsentDecision => ({ effect: 'permit', proof, reasons: [reason], obligations });

const refuse = (
  effect: 'deny' | 'no-consent',
  reasons: readonly Reason[],
  grants: readonly GrantId[] = none,
): ConsentDecision => ({ effect, grants, reasons, obligations: none });

/** Emergency access for a claim that stands; the refusal of a claim that does not; undefined without a claim. */
const inEmergency = (
  view: ConsentView | undefined,
  question: ConsentQuestion,
  policy: ConsentPolicy,
  resource: ResourceFacts | undefined,
): ConsentDecision | undefined => {
  if (question.breakGlass === undefined) return undefined;
  const { subject, now } = question;
  const known = view ?? question.breakGlass.lastView;
  const verdict = breakGlass(policy.breakGlass, {
    roles: question.roles,
    purpose: question.purpose,
    action: question.action,
    now: question.now,
    claim: question.breakGlass,
    labels: (resource?.labels ?? 0) | closedByPatient(known, subject, resource?.classes ?? 0, now),
  });
  if (!verdict.open) return refuse('deny', [verdict.reason]);
  return permit(
    proofOf('break-glass', none, view, question.purpose),
    { rule: 'consent:break-glass', text: 'Emergency access with a stated reason; it will be reviewed.' },
    [{ code: 'NOTIFY' }, { code: 'REVIEW', by: verdict.reviewBy, until: verdict.until }],
  );
};

const grantsOf = (view: ConsentView, subject: SubjectKey | undefined): readonly Grant[] =>
  subject === undefined ? none : view.grantsOf(subject);

/**
 * One pass over the patient's own grants: a deny that fits wins; else a permit that fits, one without obligation
 * before one with; else the model of the purpose. The cost does not depend on the grants of other patients.
 */
const judge = (
  view: ConsentView,
  question: ConsentQuestion,
  policy: ConsentPolicy,
  resource: ResourceFacts | undefined,
  possible: number,
): ConsentDecision => {
  const model = modelOf(policy, question.purpose);
  if (model === 'closed') {
    return refuse('deny', [{ rule: 'consent:closed', text: 'This gateway does not serve this purpose of use.' }]);
  }
  if (model === 'not-required') {
    return permit(proofOf('not-required', none, view, question.purpose), {
      rule: 'consent:not-required',
      text: 'The purpose of use needs no consent here.',
    });
  }
  const purpose = purposeBit(question.purpose);
  const action = actionBit(question.action);
  const { actor, now } = question;
  const grants = grantsOf(view, question.subject);
  let deny: Grant | undefined;
  let best: Grant | undefined;
  let furthest: Fit = FIT.grantee;
  let furthestGrant: Grant | undefined;
  for (let i = 0; i < grants.length; i += 1) {
    const grant = grants[i] as Grant;
    const fit =
      resource === undefined
        ? fitBefore(view, grant, actor, purpose, action, now, possible)
        : fitResource(view, grant, actor, purpose, action, now, resource);
    if (fit !== FIT.whole) {
      if (grant.effect === 'permit' && fit > furthest) {
        furthest = fit;
        furthestGrant = grant;
      }
    } else if (grant.effect === 'deny') {
      if (deny === undefined || specificity(grant) > specificity(deny)) deny = grant;
    } else if (best === undefined || rank(grant) > rank(best)) best = grant;
  }
  if (deny !== undefined) {
    return refuse('deny', [{ rule: deny.id, text: 'The patient has refused this access.' }], [deny.id]);
  }
  if (best !== undefined) {
    return permit(
      proofOf('grant', [best.id], view, question.purpose),
      { rule: best.id, text: 'The patient has granted this access.' },
      (best.actions & deidentified) === 0 ? none : [{ code: 'DEIDENTIFY' }],
    );
  }
  const sensitive = resource === undefined ? 0 : resource.labels & ~noOverride;
  if (model === 'opt-out' && sensitive === 0) {
    return permit(proofOf('opt-out', none, view, question.purpose), {
      rule: 'consent:opt-out',
      text: 'The purpose of use is open unless the patient refuses, and the patient has not refused.',
    });
  }
  if (model === 'opt-out') furthest = FIT.label;
  const near = furthestGrant === undefined ? none : [{ rule: furthestGrant.id, text: missText[furthest] }];
  return refuse('no-consent', [
    ...near,
    { rule: `consent:${missRule[furthest]}`, text: missText[furthest] },
    ...(furthest === FIT.label && sensitive !== 0
      ? [{ rule: 'consent:labels', text: `Labels of the data: ${labelNames(sensitive).join(', ')}.` }]
      : none),
  ]);
};

/** A permit without obligation before one with it; among equals the more specific. */
const rank = (grant: Grant): number => ((grant.actions & deidentified) === 0 ? 10_000 : 0) + specificity(grant);

const unverifiable = (): ConsentDecision =>
  refuse('deny', [{ rule: 'consent:unverifiable', text: 'The state of consent cannot be verified.' }]);

/** The patient's own access, then what the grants say, then the emergency: the glass is broken only when it is shut. */
const answer = (
  view: ConsentView | undefined,
  question: ConsentQuestion,
  policy: ConsentPolicy,
  resource: ResourceFacts | undefined,
  possible: number,
): ConsentDecision => {
  if (question.self && policy.self.purposes.has(question.purpose) && policy.self.actions.has(question.action)) {
    return permit(proofOf('self', none, view, question.purpose), {
      rule: 'consent:self',
      text: 'Patients see their own record.',
    });
  }
  const judged = view === undefined ? unverifiable() : judge(view, question, policy, resource, possible);
  if (judged.effect === 'permit' || question.breakGlass === undefined) return judged;
  const emergency = inEmergency(view, question, policy, resource);
  if (emergency === undefined || emergency.effect === 'permit') return emergency ?? judged;
  return { ...judged, reasons: [...emergency.reasons, ...judged.reasons] };
};

/**
 * May this caller see this resource of this patient? Pure, over one immutable view. `view` is `undefined` only when
 * the state of the chain cannot be had: then nothing opens but a patient's own record and an emergency.
 */
export const decide = (
  view: ConsentView | undefined,
  question: ConsentQuestion,
  resource: ResourceFacts,
  policy: ConsentPolicy,
): ConsentDecision => answer(view, question, policy, resource, 0);

/**
 * Before the call: could this caller see anything of this patient in these classes (0: any)? A permit here opens no
 * resource: each one that comes back is put to `decide`.
 */
export const mayTouch = (
  view: ConsentView | undefined,
  question: ConsentQuestion,
  possible: number,
  policy: ConsentPolicy,
): ConsentDecision => answer(view, question, policy, undefined, possible === 0 ? everyClass : possible);

/** A resource that names several patients opens only when each of them permits; the first deny is the answer. */
export const decideAll = (
  view: ConsentView | undefined,
  questions: readonly ConsentQuestion[],
  resource: ResourceFacts,
  policy: ConsentPolicy,
): ConsentDecision => {
  const [first, ...others] = questions;
  if (first === undefined) {
    return refuse('no-consent', [{ rule: 'consent:no-patient', text: 'No patient is named, so nobody can permit.' }]);
  }
  let joint = decide(view, first, resource, policy);
  for (const other of others) {
    if (joint.effect === 'deny') return joint;
    joint = join(joint, decide(view, other, resource, policy));
  }
  return joint;
};

const join = (left: ConsentDecision, right: ConsentDecision): ConsentDecision => {
  if (right.effect === 'deny') return right;
  if (left.effect !== 'permit') return left;
  if (right.effect !== 'permit') return right;
  return {
    effect: 'permit',
    proof: { ...weaker(left.proof, right.proof), grants: [...left.proof.grants, ...right.proof.grants] },
    reasons: [...left.reasons, ...right.reasons],
    obligations: [...left.obligations, ...right.obligations],
  };
};

const strength = { 'break-glass': 0, 'opt-out': 1, 'not-required': 2, grant: 3, self: 4 } as const;

/** The joint basis is the weaker one: a record opened in part by break-glass was opened by break-glass. */
const weaker = (left: ConsentProof, right: ConsentProof): ConsentProof =>
  strength[right.basis] < strength[left.basis] ? right : left;
