import type { PolicyChange } from './diff.ts';

/** One person's word for one change: from the set in force to the set that is to follow. */
export interface Approval {
  readonly from: string;
  readonly to: string;
  readonly approver: string;
  readonly reason: string;
  /** Ed25519 over `approvalText`, base64. */
  readonly signature: string;
}

export const approvalText = (approval: Omit<Approval, 'signature'>): string =>
  ['consentry policy approval v1', approval.from, approval.to, approval.approver, approval.reason].join('\n');

export interface ApprovalVerdict {
  readonly ok: boolean;
  readonly needed: number;
  readonly approvers: readonly string[];
  /** Why approvals did not count. */
  readonly rejected: readonly string[];
}

/** Widening needs two people, narrowing one; nobody counts twice, and only for exactly this change. */
export const judgeApprovals = (
  change: { readonly from: string; readonly to: string; readonly changes: readonly PolicyChange[] },
  approvals: readonly Approval[],
  verify: (approver: string, text: string, signature: string) => boolean,
): ApprovalVerdict => {
  const needed = change.changes.some((each) => each.kind === 'widens') ? 2 : 1;
  const approvers = new Set<string>();
  const rejected: string[] = [];
  for (const approval of approvals) {
    if (approval.from !== change.from || approval.to !== change.to) {
      rejected.push(`The approval by ${approval.approver} is for another change.`);
    } else if (!verify(approval.approver, approvalText(approval), approval.signature)) {
      rejected.push(`The signature of ${approval.approver} does not verify.`);
    } else approvers.add(approval.approver);
  }
  return { ok: approvers.size >= needed, needed, approvers: [...approvers].sort(), rejected };
};
