import type { Drift } from '../risk/drift.ts';
import type { ShadowCounts } from '../risk/engine.ts';
import type { ExploitedVulnerability, Software } from '../risk/exploited.ts';
import type { Ladder, ModelCard } from '../risk/model.ts';
import type { ReviewCase } from '../risk/review-queue.ts';
import type { RiskPolicy } from '../risk/risk-policy.ts';
import type { WhatIf } from '../risk/score-history.ts';
import type { FeedStatus } from '../risk/threat.ts';

/** `GET /api/v1/risk/cases`: the accesses of a case are in the case. */
export interface CasesAnswer {
  readonly cases: readonly Omit<ReviewCase, 'accesses'>[];
}

/** One access of the day of a case, as the ledger has it. */
export interface DayAccess {
  readonly at: string;
  readonly requestId: string;
  readonly decision: 'permit' | 'deny';
  readonly code?: string;
  readonly interaction?: string;
  readonly type?: string;
  readonly patients: readonly string[];
  readonly returned: number;
  readonly score?: number;
  readonly action?: string;
}

/** A patient of a case, and what is on record between the two. */
export interface CasePatient {
  readonly patient: string;
  /** Alerted accesses, and all of the day. */
  readonly alerted: number;
  readonly accesses: number;
  readonly explanation?: string | undefined;
  readonly links: readonly string[];
}

/** `GET /api/v1/risk/cases/{id}`. */
export interface CaseAnswer {
  readonly case: ReviewCase;
  readonly day: readonly DayAccess[];
  readonly patients: readonly CasePatient[];
}

/** `GET /api/v1/risk/what-if`. */
export interface WhatIfAnswer {
  readonly days: number;
  readonly curve: readonly WhatIf[];
}

export interface FeedTold extends Omit<FeedStatus, 'fetchedAt'> {
  readonly kind: 'taxii' | 'file';
  /** Absent: it could never be had. */
  readonly fetchedAt?: string;
  /** Of the last round. */
  readonly failed: boolean;
}

export interface ThreatStatus {
  readonly feeds: readonly FeedTold[];
  /** What the FHIR server says of itself, and the vulnerabilities under attack that name it. */
  readonly upstream: { readonly software?: Software; readonly exploited: readonly ExploitedVulnerability[] };
}

/** One change of the models in use. */
export interface ModelChange {
  readonly what: 'challenger' | 'promotion' | 'rollback';
  /** `undefined`: the shipped one. */
  readonly model: string | undefined;
  readonly by: readonly string[];
  readonly at: string;
}

export interface ModelStoreStatus {
  /** Hash, or `shipped`. */
  readonly champion: string;
  /** How many models one can go back. */
  readonly previous: number;
  readonly challenger?: {
    readonly model: string;
    readonly since: string;
    readonly by: string;
    readonly promotableAt: string;
  };
  readonly waiting: readonly { readonly model: string; readonly approvedBy: readonly string[] }[];
  readonly history: readonly ModelChange[];
}

/** `GET /api/v1/risk/status`. */
export interface RiskStatusAnswer {
  readonly model: {
    readonly id: string;
    readonly hash: string;
    readonly ladder: Required<Ladder>;
    readonly card: ModelCard;
    readonly features: number;
  };
  readonly challenger?: {
    readonly id: string;
    readonly hash: string;
    readonly card: ModelCard;
    readonly shadow: ShadowCounts;
  };
  readonly store: ModelStoreStatus;
  readonly promotion: RiskPolicy['promotion'];
  readonly counts: Readonly<Record<string, number>>;
  readonly drift: Drift;
  readonly volume: RiskPolicy['volume'];
  readonly threats: ThreatStatus;
}
