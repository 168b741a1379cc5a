import { type ReidentificationReport, reidentificationReport } from '../masking/reidentification.ts';
import { approversNeeded } from './approval.ts';
import { type RowCoverage, type RuleCoverage, ruleCoverage, safeHarborCoverage } from './coverage.ts';
import { diffPolicies, type PolicyChange } from './diff.ts';
import type { PolicyFault } from './fault.ts';
import { type MatrixRow, roleMatrix } from './matrix.ts';
import { compilePolicySet, type PolicySet } from './policy-set.ts';
import { type NoPreview, type Preview, type PreviewRequest, previewOf } from './preview.ts';
import { raisedOverlay } from './raised-overlay.ts';
import { type ReplayFact, type ReplayReport, replay } from './replay.ts';
import { type Saved, saveAsTest, type TestToSave } from './save-test.ts';
import type { PolicyFile } from './source.ts';
import type { TestResult } from './tests.ts';

/** What officers ask of a set of masking policies, by command or by API: the same answers by the same code. */
export type PolicyTask =
  | {
      readonly kind: 'check';
      readonly files: readonly PolicyFile[];
      /** The other policies of the folder: what they ask of these must be there. */
      readonly others?: readonly PolicyFile[];
    }
  | { readonly kind: 'test'; readonly files: readonly PolicyFile[] }
  | { readonly kind: 'matrix'; readonly files: readonly PolicyFile[] }
  | {
      readonly kind: 'coverage';
      readonly files: readonly PolicyFile[];
      readonly role: string;
      readonly purpose?: string;
    }
  | {
      readonly kind: 'diff';
      readonly before: readonly PolicyFile[];
      readonly files: readonly PolicyFile[];
      readonly others?: readonly PolicyFile[];
    }
  | {
      readonly kind: 'preview';
      readonly files: readonly PolicyFile[];
      readonly requests: readonly PreviewRequest[];
      readonly resource: Uint8Array;
    }
  | {
      readonly kind: 'reidentification';
      readonly files: readonly PolicyFile[];
      readonly request: PreviewRequest;
      /** Patient resources as they are. */
      readonly patients: readonly Readonly<Record<string, unknown>>[];
    }
  | {
      readonly kind: 'replay';
      readonly before: readonly PolicyFile[];
      readonly files: readonly PolicyFile[];
      readonly facts: readonly ReplayFact[];
    }
  | {
      readonly kind: 'save-test';
      readonly files: readonly PolicyFile[];
      readonly wanted: TestToSave;
      readonly resource: Uint8Array;
    };

export interface NotLoaded {
  readonly ok: false;
  readonly faults: readonly PolicyFault[];
}

export interface Checked {
  readonly ok: true;
  readonly hash: string;
  readonly policies: number;
  readonly rules: number;
  readonly cases: number;
  /** Warnings: shadowed, dead and conflicting rules. */
  readonly faults: readonly PolicyFault[];
}
export interface Tested {
  readonly ok: true;
  readonly cases: readonly TestResult[];
}
export interface Compared {
  readonly ok: true;
  readonly from: string;
  readonly to: string;
  readonly changes: readonly PolicyChange[];
  readonly approvers: number;
}
export interface Covered {
  readonly ok: true;
  readonly role: string;
  readonly purpose: string;
  readonly rows: readonly RowCoverage[];
  readonly rules: readonly RuleCoverage[];
}
export interface Tabled {
  readonly ok: true;
  readonly rows: readonly MatrixRow[];
}
export interface Previewed {
  readonly ok: true;
  readonly previews: readonly (Preview | NoPreview)[];
}

export interface Replayed extends ReplayReport {
  readonly ok: true;
}
export interface TestSaved {
  readonly ok: true;
  readonly saved: Saved;
}

/** `refused`: nothing leaves for the role, and why. */
export interface Reidentified {
  readonly ok: true;
  readonly refused?: string;
  readonly report?: ReidentificationReport;
}

interface Results {
  readonly check: Checked;
  readonly test: Tested;
  readonly diff: Compared;
  readonly coverage: Covered;
  readonly matrix: Tabled;
  readonly preview: Previewed;
  readonly replay: Replayed;
  readonly reidentification: Reidentified;
  readonly 'save-test': TestSaved;
}
export type TaskResult<Task extends PolicyTask> = Results[Task['kind']] | NotLoaded;

const answer = (set: PolicySet, task: PolicyTask): Results[PolicyTask['kind']] | NotLoaded => {
  switch (task.kind) {
    case 'check': {
      const { faults } = raisedOverlay(task.others ?? [], set.documents);
      if (faults.length > 0) return { ok: false, faults };
      return {
        ok: true,
        hash: set.hash,
        policies: set.documents.length,
        rules: set.ruleIds.length,
        cases: set.tests.length,
        faults: set.warnings,
      };
    }
    case 'test':
      return { ok: true, cases: set.tests };
    case 'matrix':
      return { ok: true, rows: roleMatrix(set) };
    case 'coverage': {
      const purpose = task.purpose ?? set.usualPurpose(task.role) ?? '';
      const plan = set.planFor({ roles: [task.role], purpose });
      const rows = plan === undefined ? [] : safeHarborCoverage(set, plan);
      return { ok: true, role: task.role, purpose, rows, rules: ruleCoverage(set) };
    }
    case 'diff': {
      const before = compilePolicySet(task.before);
      if (!before.ok) return before;
      const { faults } = raisedOverlay(task.others ?? [], set.documents);
      if (faults.length > 0) return { ok: false, faults };
      const changes = diffPolicies(before.set, set);
      return { ok: true, from: before.set.hash, to: set.hash, changes, approvers: approversNeeded(changes) };
    }
    case 'preview':
      return { ok: true, previews: task.requests.map((request) => previewOf(set, request, task.resource)) };
    case 'replay': {
      const before = compilePolicySet(task.before);
      if (!before.ok) return before;
      return { ok: true, ...replay(before.set, set, task.facts) };
    }
    case 'reidentification': {
      const after: Readonly<Record<string, unknown>>[] = [];
      for (const patient of task.patients) {
        const preview = previewOf(set, task.request, new TextEncoder().encode(JSON.stringify(patient)));
        if (!preview.ok) return { ok: true, refused: preview.text };
        if (preview.masked !== undefined) after.push(JSON.parse(preview.masked) as Readonly<Record<string, unknown>>);
      }
      return { ok: true, report: reidentificationReport(task.patients, after) };
    }
    case 'save-test':
      return { ok: true, saved: saveAsTest(task.files, set, task.wanted, task.resource) };
    default:
      return task satisfies never;
  }
};

export const doPolicyTask = <Task extends PolicyTask>(task: Task): TaskResult<Task> => {
  const load = compilePolicySet(task.files);
  return (load.ok ? answer(load.set, task) : load) as TaskResult<Task>;
};
