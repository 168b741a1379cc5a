import type { Approval } from './approval.ts';
import type { PolicyChange } from './diff.ts';
import type { FileChange } from './draft.ts';

/** A change of the policies that one officer wants and others are to approve. What is approved never changes; its state does. */
export interface Proposal {
  readonly id: string;
  readonly at: string;
  /** `issuer#user` of who proposed it. */
  readonly by: string;
  readonly reason: string;
  readonly changes: readonly FileChange[];
  /** Hashes of the masking policies before and after. */
  readonly from: string;
  readonly to: string;
  /** What it does, in sentences. */
  readonly effects: readonly PolicyChange[];
  readonly effectiveFrom?: string;
  readonly approvals: readonly Approval[];
  readonly ended?: {
    readonly as: 'in-force' | 'withdrawn' | 'overtaken';
    readonly at: string;
    readonly by?: string;
    /** Of the history. */
    readonly version?: number;
  };
}
