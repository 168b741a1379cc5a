import { raw } from '../../domain/json/cursor.ts';
import type { Tape } from '../../domain/json/tape.ts';

/** What an operation such as $validate found and where, without the upstream's own words: those can quote any record. */
export function plainOutcome(tape: Tape, node: number): string {
  const outcome = JSON.parse(raw(tape, node)) as { readonly issue?: unknown };
  const issues: unknown[] = Array.isArray(outcome.issue) ? outcome.issue : [];
  const plain = (value: unknown, form: RegExp): string | undefined =>
    typeof value === 'string' && form.test(value) ? value : undefined;
  return JSON.stringify({
    resourceType: 'OperationOutcome',
    issue: issues.map((each) => {
      const { severity, code, expression } = (each ?? {}) as Readonly<Record<string, unknown>>;
      const places = (Array.isArray(expression) ? expression : []).flatMap((place) => plain(place, elementPath) ?? []);
      return {
        severity: plain(severity, /^(?:fatal|error|warning|information)$/) ?? 'error',
        code: plain(code, /^[a-z-]{1,30}$/) ?? 'processing',
        ...(places.length === 0 ? {} : { expression: places }),
      };
    }),
  });
}

const elementPath = /^[A-Z][A-Za-z]{1,40}(?:\.[a-zA-Z]{1,60}(?:\[\d{1,5}\])?){0,20}$/;
