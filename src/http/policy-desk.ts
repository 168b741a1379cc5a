import type { LedgerEntry } from '../domain/ledger/entry.ts';
import { type Approval, type ApprovalVerdict, approvalText, judgeApprovals } from '../domain/policy/approval.ts';
import { type FileChange, maskingFiles, otherPolicies, withChanges } from '../domain/policy/draft.ts';
import { faultLine, type PolicyFault } from '../domain/policy/fault.ts';
import { type PolicyShelf, type PolicyVersion, putInForce, rollBack, wayBack } from '../domain/policy/in-force.ts';
import { hashOfFiles } from '../domain/policy/policy-set.ts';
import type { Proposal } from '../domain/policy/proposal.ts';
import { snapshotHash } from '../domain/policy/snapshot.ts';
import type { PolicyTask, TaskResult } from '../domain/policy/task.ts';
import type { ProblemCode } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';
import type { Clock, LedgerStore, Random } from '../ports.ts';

/** A privacy officer as the token says. */
export interface Officer {
  readonly user: string;
  readonly issuer: string;
  readonly client: string;
  readonly roles: readonly string[];
}

export type Done<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: ProblemCode; readonly reasons: readonly Reason[] };

export interface ProposalView extends Proposal {
  readonly state: 'open' | 'scheduled' | 'in-force' | 'withdrawn' | 'overtaken';
  readonly needed: number;
  readonly approvers: readonly string[];
}

export interface PolicyDeskParts {
  /** Its files are those in force. */
  readonly shelf: PolicyShelf;
  readonly proposals: {
    all(): Promise<readonly Proposal[]>;
    keep(proposal: Proposal): Promise<void>;
  };
  run<Task extends PolicyTask>(task: Task): Promise<TaskResult<Task>>;
  /** Takes what the shelf now holds into force; what keeps it from that, or nothing. */
  reload(): readonly string[];
  /** The gateway's word that the officer was logged in and approved. */
  sign(text: string): string;
  verify(text: string, signature: string): boolean;
  readonly ledger: LedgerStore;
  readonly clock: Clock;
  readonly random: Random;
  failed(part: string, errorName: string): void;
}

export interface PolicyDesk {
  propose(officer: Officer, draft: Draft): Promise<Done<ProposalView>>;
  approve(officer: Officer, id: string, reason: string): Promise<Done<ProposalView>>;
  withdraw(officer: Officer, id: string): Promise<Done<ProposalView>>;
  rollBack(officer: Officer, reason: string, to?: number): Promise<Done<PolicyVersion>>;
  proposals(): Promise<readonly ProposalView[]>;
  history(): readonly PolicyVersion[];
  /** Puts in force what was approved and is due. */
  activateDue(): Promise<void>;
  /** The files changed without this desk. */
  changedOutside(hash: string): Promise<void>;
}

export interface Draft {
  readonly changes: readonly FileChange[];
  readonly reason: string;
  readonly effectiveFrom?: string;
}

/** `issuer#user`: a user's name means nothing without who gave it. */
export const officerName = ({ issuer, user }: Pick<Officer, 'issuer' | 'user'>): string => `${issuer}#${user}`;

const refused = (code: ProblemCode, reasons: readonly Reason[]): Done<never> => ({ ok: false, code, reasons });
const faultReasons = (faults: readonly PolicyFault[]): readonly Reason[] =>
  faults.map((fault) => ({ rule: `${fault.file}:${fault.line}:${fault.column}`, text: faultLine(fault) }));

class NotRecorded extends Error {
  override readonly name = 'NotRecorded';
}

/** An operator may keep the policies where the gateway cannot write: in an image, in a mounted configuration. */
const isNotWritable = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  ['EACCES', 'EROFS', 'EPERM', 'ENOTDIR', 'EEXIST'].includes(String(error.code));

/** How the policies change: proposed by one officer, approved by others, put in force whole, and taken back. */
export const createPolicyDesk = (parts: PolicyDeskParts): PolicyDesk => {
  const { shelf, proposals, clock } = parts;
  const now = (): string => new Date(clock.now()).toISOString();
  const inForce = (): string => hashOfFiles(maskingFiles(shelf.read()));
  /** Hashes that the ledger has heard of from here. */
  const announced = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();
  /** One change after the other. */
  const alone = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const change = <Value>(work: () => Promise<Done<Value>>): Promise<Done<Value>> =>
    alone(work).catch((error: unknown) => {
      if (error instanceof NotRecorded)
        return refused('ledger-unavailable', [{ rule: 'ledger', text: 'Nothing was changed.' }]);
      if (!isNotWritable(error)) throw error;
      return refused('policy-read-only', [
        { rule: 'policies', text: 'The gateway loads a change of the files by itself.' },
      ]);
    });

  const record = async (
    what: string,
    text: string,
    hash: string,
    officer?: Officer,
    reason?: string,
  ): Promise<void> => {
    const entry: LedgerEntry = {
      kind: 'policy',
      at: clock.now(),
      requestId: Buffer.from(parts.random.bytes(12)).toString('hex'),
      decision: 'permit',
      ...(officer === undefined
        ? {}
        : {
            actor: { user: officer.user, issuer: officer.issuer, client: officer.client, roles: officer.roles },
          }),
      patients: [],
      resources: [],
      policy: { hash, rules: [] },
      outcome: { status: 200, returned: 0, withheld: 0, masked: 0 },
      story: [{ stage: 'policy', rule: `policy:${what}`, text }],
      ...(reason === undefined ? {} : { reason }),
      height: 0,
    };
    await parts.ledger.append(entry).catch(() => {
      throw new NotRecorded();
    });
  };

  const judge = (proposal: Proposal): ApprovalVerdict =>
    judgeApprovals(
      {
        from: proposal.from,
        to: proposal.to,
        changes: proposal.effects,
        proposer: proposal.by,
        ...(proposal.effectiveFrom === undefined ? {} : { effectiveFrom: proposal.effectiveFrom }),
      },
      proposal.approvals,
      (_approver, text, signature) => parts.verify(text, signature),
    );

  const view = (proposal: Proposal): ProposalView => {
    const { ok, needed, approvers } = judge(proposal);
    const open = proposal.from !== inForce() ? 'overtaken' : ok ? 'scheduled' : 'open';
    return { ...proposal, state: proposal.ended?.as ?? open, needed, approvers };
  };

  const find = async (id: string): Promise<Proposal | undefined> =>
    (await proposals.all()).find((proposal) => proposal.id === id);

  /** The set on the shelf with the change laid over it, if it still is what was approved. */
  const filesOf = async (proposal: Proposal) => {
    const drafted = withChanges(shelf.read(), proposal.changes);
    if (!drafted.ok) return undefined;
    const checked = await parts.run({ kind: 'check', files: maskingFiles(drafted.files) });
    return checked.ok && checked.hash === proposal.to ? drafted.files : undefined;
  };

  const takeUp = (): Done<undefined> => {
    const faults = parts.reload();
    return faults.length === 0
      ? { ok: true, value: undefined }
      : refused(
          'policy-invalid',
          faults.map((text) => ({ rule: 'reload', text })),
        );
  };

  const enforce = async (proposal: Proposal, officer?: Officer): Promise<Done<ProposalView>> => {
    const files = proposal.from === inForce() ? await filesOf(proposal) : undefined;
    if (files === undefined) {
      const ended: Proposal = { ...proposal, ended: { as: 'overtaken', at: now() } };
      await proposals.keep(ended);
      return refused('policy-overtaken', [{ rule: proposal.id, text: 'Propose the change again.' }]);
    }
    const hash = snapshotHash(files);
    announced.add(hash);
    await record('in-force', `An approved change of the policies takes effect.`, hash, officer, proposal.reason);
    const { number } = putInForce(shelf, maskingFiles(files), {
      at: now(),
      by: proposal.by,
      reason: proposal.reason,
      approvals: proposal.approvals,
    });
    const taken = takeUp();
    if (!taken.ok) return taken;
    const ended: Proposal = { ...proposal, ended: { as: 'in-force', at: now(), version: number } };
    await proposals.keep(ended);
    return { ok: true, value: view(ended) };
  };

  const due = ({ effectiveFrom }: Proposal): boolean =>
    effectiveFrom === undefined || Date.parse(effectiveFrom) <= clock.now();

  const propose: PolicyDesk['propose'] = async (officer, { changes, reason, effectiveFrom }) => {
    const before = shelf.read();
    const drafted = withChanges(before, changes);
    if (!drafted.ok) return refused('policy-invalid', faultReasons(drafted.faults));
    const compared = await parts.run({
      kind: 'diff',
      before: maskingFiles(before),
      files: maskingFiles(drafted.files),
      others: otherPolicies(drafted.files),
    });
    if (!compared.ok) return refused('policy-invalid', faultReasons(compared.faults));
    if (compared.from === compared.to)
      return refused('policy-invalid', [{ rule: 'draft', text: 'The draft is what is in force.' }]);
    const proposal: Proposal = {
      id: Buffer.from(parts.random.bytes(9)).toString('hex'),
      at: now(),
      by: officerName(officer),
      reason,
      changes,
      from: compared.from,
      to: compared.to,
      effects: compared.changes,
      ...(effectiveFrom === undefined ? {} : { effectiveFrom: new Date(effectiveFrom).toISOString() }),
      approvals: [],
    };
    await record('proposed', 'A change of the policies is proposed.', snapshotHash(drafted.files), officer, reason);
    await proposals.keep(proposal);
    return { ok: true, value: view(proposal) };
  };

  const approve: PolicyDesk['approve'] = async (officer, id, reason) => {
    const proposal = await find(id);
    if (proposal === undefined) return refused('not-found', [{ rule: id, text: 'There is no such proposal.' }]);
    const { state, approvers } = view(proposal);
    if (state !== 'open') return refused('policy-overtaken', [{ rule: id, text: `The proposal is ${state}.` }]);
    const approver = officerName(officer);
    if (approver === proposal.by || approvers.includes(approver))
      return refused('policy-own-approval', [{ rule: id, text: 'Somebody else must approve it.' }]);
    const body = {
      from: proposal.from,
      to: proposal.to,
      approver,
      reason,
      ...(proposal.effectiveFrom === undefined ? {} : { effectiveFrom: proposal.effectiveFrom }),
    };
    const approval: Approval = { ...body, signature: parts.sign(approvalText(body)) };
    const approved: Proposal = { ...proposal, approvals: [...proposal.approvals, approval] };
    const drafted = withChanges(shelf.read(), proposal.changes);
    await record(
      'approved',
      'A change of the policies is approved.',
      drafted.ok ? snapshotHash(drafted.files) : '',
      officer,
      reason,
    );
    await proposals.keep(approved);
    return judge(approved).ok && due(approved) ? enforce(approved, officer) : { ok: true, value: view(approved) };
  };

  const withdraw: PolicyDesk['withdraw'] = async (officer, id) => {
    const proposal = await find(id);
    if (proposal === undefined) return refused('not-found', [{ rule: id, text: 'There is no such proposal.' }]);
    if (proposal.ended !== undefined)
      return refused('policy-overtaken', [{ rule: id, text: `The proposal is ${proposal.ended.as}.` }]);
    await record('withdrawn', 'A proposed change of the policies is withdrawn.', snapshotHash(shelf.read()), officer);
    const ended: Proposal = { ...proposal, ended: { as: 'withdrawn', at: now(), by: officerName(officer) } };
    await proposals.keep(ended);
    return { ok: true, value: view(ended) };
  };

  const back = async (officer: Officer, reason: string, to?: number): Promise<Done<PolicyVersion>> => {
    const way = wayBack(shelf, to);
    if (!way.ok)
      return refused(way.why === 'none' ? 'not-found' : 'policy-invalid', [{ rule: 'version', text: way.text }]);
    const others = shelf.read().filter((file) => !maskingFiles([file]).length);
    const hash = snapshotHash([...way.version.files, ...others]);
    announced.add(hash);
    const text = `Version ${way.version.number} of the policies is put back in force.`;
    await record('rolled-back', text, hash, officer, reason);
    const version = rollBack(shelf, way.version, { at: now(), by: officerName(officer), reason });
    const taken = takeUp();
    return taken.ok ? { ok: true, value: version } : taken;
  };

  return {
    propose: (officer, draft) => change(() => propose(officer, draft)),
    approve: (officer, id, reason) => change(() => approve(officer, id, reason)),
    withdraw: (officer, id) => change(() => withdraw(officer, id)),
    rollBack: (officer, reason, to) => change(() => back(officer, reason, to)),
    proposals: async () => (await proposals.all()).map(view),
    history: () => shelf.versions(),
    activateDue: () =>
      alone(async () => {
        for (const proposal of await proposals.all()) {
          if (proposal.ended !== undefined || !judge(proposal).ok || !due(proposal)) continue;
          const done = await enforce(proposal);
          if (!done.ok) parts.failed('policy-schedule', done.code);
        }
      }),
    changedOutside: async (hash) => {
      if (announced.delete(hash)) return;
      await record('folder-changed', 'The policies were changed in their folder, without a proposal here.', hash);
    },
  };
};
