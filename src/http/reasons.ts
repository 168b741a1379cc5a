import { problemSystem } from '../domain/outcome.ts';
import { type ProblemCode, problemRow } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';

/** An OperationOutcome with one issue per reason: rules and paths of what the caller sent, never a value of a record. */
export const outcomeOf = (code: ProblemCode, reasons: readonly Reason[]): object => ({
  resourceType: 'OperationOutcome',
  issue: reasons.map(({ rule, text }) => ({
    severity: 'error',
    code: problemRow(code).issue,
    details: { coding: [{ system: problemSystem, code }], text },
    diagnostics: rule,
  })),
});
