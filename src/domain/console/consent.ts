/** What the API tells the consent pages. Times are ISO 8601. */
export interface ConsoleGrant {
  readonly id: string;
  readonly state: 'active' | 'expired';
  readonly effect: 'permit' | 'deny';
  readonly grantee: { readonly kind: string; readonly reference?: string; readonly key: string };
  readonly actions?: readonly string[];
  readonly purposes?: readonly string[];
  readonly classes?: readonly string[];
  readonly labels?: readonly string[];
  readonly conditions?: readonly string[];
  /** Which of the conditions hold, and until when. */
  readonly attestations: readonly { readonly condition: string; readonly until: string }[];
  readonly from?: string;
  readonly until?: string;
  readonly dataFrom?: string;
  readonly dataUntil?: string;
  readonly block: number;
  readonly terms: string;
}

/** `GET /api/v1/consents` */
export interface ConsoleGrants {
  readonly patient: string;
  readonly asOf?: { readonly block: number; readonly blockHash: string };
  readonly grants: readonly ConsoleGrant[];
}

/** `GET /api/v1/consents/history` */
export interface ConsoleChange {
  readonly at: string;
  readonly what: string;
  readonly by: string;
  readonly grant?: string;
  readonly grantee?: { readonly kind: string; readonly reference: string };
  readonly reason?: string;
}

/** `GET /api/v1/consents/delegates` */
export interface ConsoleDelegate {
  readonly delegate: string;
  readonly rights: readonly string[];
  readonly until?: string;
  readonly state: 'active' | 'ended';
}

/** `GET /api/v1/consents/chain` */
export interface ConsoleChain {
  readonly chainId: number;
  readonly contract: string;
  readonly head?: { readonly block: number; readonly blockHash: string; readonly time: string };
  readonly final?: number;
  /** Why the newest block has not been taken in. */
  readonly problem?: string;
  readonly proofs: number;
  readonly relay?: { readonly pending: number; readonly mined: number; readonly failed: number };
  /** Of the patient asked for: what is signed and not on the chain yet. */
  readonly pending: readonly { readonly kind: string; readonly grant?: string }[];
}

/** `GET /api/v1/consents/{id}/proof` */
export interface ConsoleProof {
  readonly id: string;
  readonly state: 'active' | 'revoked' | 'unproven';
  readonly block?: number;
  readonly blockHash?: string;
}

/** `POST /api/v1/consents/explain` */
export interface ConsoleExplanation {
  readonly decision: string;
  readonly reasons: readonly { readonly rule: string; readonly text: string }[];
  readonly grants: readonly { readonly id: string; readonly grantee?: string }[];
}

/** `GET /api/v1/break-glass` */
export interface ConsoleReview {
  readonly id: string;
  readonly patient: string;
  readonly user: string;
  readonly reason: string;
  readonly openedAt: string;
  readonly reviewBy: string;
  readonly requestId: string;
  readonly state: 'open' | 'overdue' | 'justified' | 'not-justified';
  readonly reviewedBy?: string;
}
