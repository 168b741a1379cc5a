import type { CodeCount, StageRow, TrafficPoint } from './figures.ts';

/** Something an officer or the operator should look at; `page` leads there. */
export interface Alert {
  readonly kind:
    | 'ledger-unwritable'
    | 'ledger-refused-by-chain'
    | 'anchor-late'
    | 'consent-stale'
    | 'policy-faulty'
    | 'break-glass-open'
    | 'break-glass-overdue'
    | 'risk-blocked'
    | 'part-failed';
  readonly severity: 'urgent' | 'watch';
  readonly count: number;
  /** Of `part-failed`: which part. */
  readonly part?: string;
}

/** `GET /api/v1/overview`. Counts run from the start of this process. */
export interface Overview {
  readonly at: number;
  readonly startedAt: number;
  readonly traffic: readonly TrafficPoint[];
  readonly answers: readonly (CodeCount & { readonly status: number })[];
  readonly stages: readonly StageRow[];
  readonly chain: {
    readonly headAgeSeconds: number | null;
    readonly maxHeadAgeSeconds: number;
    readonly head?: number;
    readonly grants: number;
  };
  readonly ledger: {
    readonly size: number;
    readonly published: number;
    readonly anchored?: { readonly size: number; readonly at: number };
    /** Whether roots are brought to the chain at all. */
    readonly anchoring: boolean;
  };
  readonly alerts: readonly Alert[];
}
