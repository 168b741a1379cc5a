import type { PolicyChange } from './diff.ts';

/** One person's word for one change: from the set in force to the set that is to follow. */
export interface Approval {
  readonly from: string;
  readonly to: string;
  readonly approver: string;
  readonly reason: string;
  /** The change is to take effect then (RFC 3339), and not before. */
  readonly effectiveFrom?: string;
  /** Ed25519 over `approvalText`, base64. */
  readonly signature: string;
}

export const approvalText = (approval: Omit<Approval, 'signature'>): string =>
  [
    'consentry policy approval v1',
    approval.from,
    approval.to,
    approval.approver,
    approval.reason,
    ...(approval.effectiveFrom === undefined ? [] : [approval.effectiveFrom]),
  ].join('\n');

export const approversNeeded = (changes: readonly Pick<PolicyChange, 'kind'>[]): number =>
  changes.some((change) => change.kind === 'widens') ? 2 : 1;

export interface ApprovalVerdict {
  readonly ok: boolean;
  readonly needed: number;
  readonly approvers: readonly string[];
  /** Why approvals did not count. */
  readonly rejected: readonly string[];
}

interface ChangeToApprove {
  readonly from: string;
  readonly to: string;
  readonly changes: readonly PolicyChange[];
  readonly effectiveFrom?: string;
  /** Whoever proposed it does not count. */
  readonly proposer?: string;
}

/** Widening needs two people, narrowing one; nobody counts twice, and only for exactly this change. */
export const judgeApprovals = (
  change: ChangeToApprove,
  approvals: readonly Approval[],
  verify: (approver: string, text: string, signature: string) => boolean,
): ApprovalVerdict => {
  const needed = approversNeeded(change.changes);
  const approvers = new Set<string>();
  const rejected: string[] = [];
  for (const approval of approvals) {
    if (approval.from !== change.from || approval.to !== change.to || approval.effectiveFrom !== change.effectiveFrom) {
      rejected.push(`The approval by ${approval.approver} is for another change.`);
    } else if (approval.approver === change.proposer) {
      rejected.push(`${approval.approver} proposed the change and does not approve it.`);
    } else if (!verify(approval.approver, approvalText(approval), approval.signature)) {
      rejected.push(`The signature of ${approval.approver} does not verify.`);
    } else approvers.add(approval.approver);
  }
  return { ok: approvers.size >= needed, needed, approvers: [...approvers].sort(), rejected };
};
