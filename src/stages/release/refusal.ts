import { type Problem, type ProblemCode, problem } from '../../domain/problem.ts';
import type { Planned } from '../exchange.ts';

export const isGone = (status: number): boolean => status === 404 || status === 410;

/** Of a resource that may not be seen its history and operations are as those of one that is not there. */
export const mayHideInstance = ({ interaction, subjects }: Planned): boolean =>
  subjects.kind === 'discover' &&
  (interaction.kind === 'history' || interaction.kind === 'operation') &&
  interaction.id !== undefined;

/** What the upstream refused, without its text. Where it would tell that a record exists, missing and denied are one answer. */
export function failure(part: Planned, status: number): Problem {
  const { interaction, subjects } = part;
  if (isGone(status)) {
    const read = interaction.kind === 'read' || interaction.kind === 'vread';
    return problem(
      mayHideInstance(part) || (read && subjects.kind === 'discover') ? 'consent-not-granted' : 'not-found',
    );
  }
  return problem(refusalOf(status));
}

export function refusalOf(status: number): ProblemCode {
  if (status === 412 || status === 409) return 'precondition-failed';
  if (status === 401 || status === 403) return 'upstream-error';
  if (status === 429) return 'rate-limited';
  if (status === 504) return 'upstream-timeout';
  if (status >= 400 && status < 500) return 'upstream-refused';
  if (status >= 300 && status < 400) return 'upstream-malformed';
  return 'upstream-error';
}
