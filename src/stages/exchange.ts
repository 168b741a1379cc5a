import type { DataClassifier } from '../domain/consent/classifier.ts';
import type { ConsentQuestion } from '../domain/consent/decide.ts';
import type { ConsentProof, ConsentView, EpochSeconds } from '../domain/consent/grant.ts';
import type { ResourceFacts } from '../domain/consent/match.ts';
import type { ConsentPolicy } from '../domain/consent/policy.ts';
import type { FhirInteraction, PatientId, ResourceId } from '../domain/fhir/interaction.ts';
import type { SearchCriterion } from '../domain/fhir/search.ts';
import type { Resolve } from '../domain/fhir/subjects.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { Scope } from '../domain/identity/scope.ts';
import type { CompiledPlan } from '../domain/masking/compile.ts';
import type { MaskingPlan } from '../domain/masking/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type { AccessEvent } from '../domain/risk/event.ts';
import type { Assessment } from '../domain/risk/score.ts';
import type { Job } from './bulk/jobs.ts';

/** What came in over HTTP, untouched. */
export interface Received {
  readonly method: string;
  /** The raw request-target after the base path: `/Patient/1?x=y`. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array | undefined;
  /** Address of the peer, after the trusted proxies. */
  readonly ip: string;
}

export interface Classified extends Received {
  readonly interaction: FhirInteraction;
  /** Set when the call follows a paging link: where the upstream keeps that page, and who may follow it. */
  readonly page?: { readonly upstream: string; readonly skip: number; readonly caller: string };
  /** Set when the call follows a link of a bulk export; the interaction is then its kick-off. */
  readonly job?: { readonly action: 'ask' | 'cancel'; readonly job: Job };
  /** The call is not made: somebody asks what would become of it. Nothing may follow from its being judged. */
  readonly considered?: true;
}

export interface Authenticated extends Classified {
  readonly principal: Principal;
  /** Of an entry of a batch or transaction: its fullUrl, and whose the entries are that it refers to. */
  readonly fullUrl?: string;
  /** The same object for all entries of one call. */
  readonly batch?: object;
  readonly resolve?: Resolve;
}

export interface Authorised extends Authenticated {
  /** The compiled mask of role, purpose, client and organisation. */
  readonly mask: CompiledPlan;
  /** The mask with overlays on it, for what a grant obliges to; undefined when an overlay is not known. */
  readonly narrowed: (overlays: readonly string[]) => CompiledPlan | undefined;
  /** The mask of the same call if risk asks for more masking; undefined when the policies have no overlay for that. */
  readonly raised: () => CompiledPlan | undefined;
  readonly policyHash: string;
  /** The scopes hold only for this patient (SMART `patient/` scopes): every resource of the call must be theirs. */
  readonly patientOnly?: PatientId;
  /** Granular scopes of a write: what stands at the upstream must match one of them before it is changed. */
  readonly stored?: readonly Scope[];
  /** Set for writes by criteria. From here on the interaction names its resource by id; a delete that nothing meets has none. */
  readonly meant?: Meant;
}

/** What the criteria of a conditional write were found to mean to the caller. */
export type Meant =
  | {
      readonly kind: 'one';
      readonly id: ResourceId;
      /** The version that met them: a write holds for no other. */
      readonly versionId: string | undefined;
      readonly patients: readonly PatientId[];
    }
  /** `upsert`: an update that thereby makes a new resource. */
  | { readonly kind: 'none'; readonly upsert?: true };

/** Which patients the call can touch, as far as it can be known before the upstream answers. */
export type SubjectSet =
  /** Named by the call: by path, search parameter, compartment or body. */
  | {
      readonly kind: 'patients';
      readonly ids: readonly PatientId[];
      readonly every: boolean;
      /** The criteria ask for records of these alone: whatever else comes back, they were ignored. */
      readonly only?: true;
    }
  /** Known only from what comes back: every returned resource is judged. */
  | { readonly kind: 'discover' }
  /** Types that belong to no patient. */
  | { readonly kind: 'universal' };

export interface Located extends Authorised {
  readonly subjects: SubjectSet;
  /** Why a write cannot be made of what was sent; told after consent has been judged. */
  readonly refusedWrite?: Problem;
  /** Of a patch: why it cannot be made by a caller from whom more is hidden. */
  readonly refusedRaised?: () => Problem | undefined;
  /** Of a write: the version that the upstream must still hold. */
  readonly version?: string;
  /** A criterion that the gateway adds so that the upstream returns the one patient whom the scopes allow. */
  readonly constraint?: SearchCriterion;
}

export interface Consented extends Located {
  /** One state of the chain for the whole call; absent when it is stale or unproven: then only what needs no chain opens. */
  readonly consentView: ConsentView | undefined;
  readonly consentPolicy: ConsentPolicy;
  readonly classifier: DataClassifier;
  /** What is asked of each patient's consent; the subject is filled in for each. */
  readonly question: Omit<ConsentQuestion, 'subject' | 'self'> & {
    readonly now: EpochSeconds;
    /** The patient whom the caller stands for, in a call that is open to those: their own rights count. */
    readonly inPlaceOf?: PatientId;
  };
  /** Of each patient known before the call. */
  readonly proofs: ReadonlyMap<PatientId, ConsentProof>;
}

export interface Assessed extends Consented {
  readonly accessEvent: AccessEvent;
  readonly assessment: Assessment;
}

export interface Planned extends Assessed {
  readonly plan: MaskingPlan;
  /** The plan hides more than that of the role, because of the risk of this call. */
  readonly isRaised?: true;
  /** What chains and `_has` look at beside what is returned: each patient's consent must open that too. */
  readonly reached: readonly ResourceFacts[];
  /** Of a resource in a Bundle or Parameters: the labels of what it stands in. */
  readonly within?: { readonly labels: number };
}
