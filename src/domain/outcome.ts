import { type Problem, problemRow } from './problem.ts';

/** FHIR CodeSystem of our codes; the page of the same name explains each. */
export const problemSystem = 'https://consentry.dev/fhir/CodeSystem/problem';

/**
 * An OperationOutcome (R4). It holds the table's sentence and what the caller sent, never a value of a record, and no
 * request id: that is in the X-Request-Id header, so that two refusals for different patients are equal byte for byte.
 */
export function operationOutcome(refusal: Problem): string {
  const row = problemRow(refusal.code);
  const plain = refusal.expression === undefined && refusal.scope === undefined;
  if (plain) {
    const known = rendered.get(refusal.code);
    if (known !== undefined) return known;
  }
  const text = textOf(refusal);
  const outcome = JSON.stringify({
    resourceType: 'OperationOutcome',
    issue: [
      {
        severity: 'error',
        code: row.issue,
        details: { coding: [{ system: problemSystem, code: refusal.code }], text },
        diagnostics: `Quote the X-Request-Id of this answer when you ask about it; errors are explained in docs/errors.md#${refusal.code}.`,
        ...(refusal.expression === undefined ? {} : { expression: refusal.expression }),
      },
    ],
  });
  if (plain) rendered.set(refusal.code, outcome);
  return outcome;
}

/** What the table says, and what can be said of this one call from what the caller sent. */
function textOf({ code, scope, expression }: Problem): string {
  const { text } = problemRow(code);
  if (scope !== undefined) return `${text} This scope would suffice: ${scope}.`;
  const parameter = expression?.findLast((each) => !each.startsWith('Bundle.'));
  if (code === 'query-ambiguous' && parameter !== undefined)
    return `${parameter} is not taken here: unknown, given twice, or with a value that does not fit. Nothing is silently ignored: mend it or leave it out.`;
  return text;
}

const rendered = new Map<string, string>();
