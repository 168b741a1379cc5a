import type { FhirInteraction, PatientId } from '../fhir/interaction.ts';
import type { OperationTable } from '../fhir/operations.ts';
import type { Tape } from '../json/tape.ts';
import { type Problem, problem } from '../problem.ts';
import { type Need, needsOf } from './needs.ts';
import { grants, type Scope, type ScopeLetter } from './scope.ts';
import { covers, type Holder, holds, matchesGranular } from './scope-release.ts';

export type Access =
  | {
      readonly ok: true;
      /** The call stands on `patient/` scopes: every patient it touches MUST be this one. */
      readonly patientOnly?: PatientId;
      /**
       * Granular scopes of a write: the version stored at the upstream MUST match one of these before it is changed.
       * Who cannot look at it refuses. Absent: no such condition.
       */
      readonly stored?: readonly Scope[];
    }
  | { readonly ok: false; readonly problem: Problem };

const grantsAny = (scope: Scope, letters: readonly ScopeLetter[]): boolean =>
  letters.some((letter) => grants(scope, letter));

/** The scopes that meet a need, by themselves or together with what is checked afterwards. */
const meeting = (holder: Holder, wanted: Need, body: Tape | undefined): readonly Scope[] =>
  holder.scopes.filter((scope) => {
    if (!holds(holder, scope) || !grantsAny(scope, wanted.letters)) return false;
    if (wanted.wholesale === true && scope.level === 'patient') return false;
    // No type named: an open include, whose every resource is judged as it comes back.
    const type = wanted.types.length === 0 ? scope.type : wanted.types.find((each) => covers(scope, each));
    if (type === undefined) return false;
    if (scope.only === undefined || wanted.effect === 'returned' || wanted.effect === 'stored') return true;
    return wanted.effect === 'sent' && body !== undefined && type !== '*' && matchesGranular(body, 0, type, scope);
  });

const sufficient = (holder: Holder, wanted: Need): string => {
  const level =
    wanted.wholesale === true
      ? 'system'
      : holder.launchPatient !== undefined
        ? 'patient'
        : holder.scopes.some((scope) => scope.level === 'system')
          ? 'system'
          : 'user';
  return `${level}/${wanted.types[0] ?? '*'}.${wanted.letters[0] ?? 'r'}`;
};

/** Answers that can hold resources of types which the call does not name. */
const bringsOthers = (i: FhirInteraction): boolean =>
  i.kind === 'operation' || (i.kind === 'search' && (i.type === undefined || i.query.includes.length > 0));

const bodyOf = (i: FhirInteraction): Tape | undefined => ('body' in i ? i.body : undefined);

/**
 * Whether the scopes of a token are enough for a call: all that it needs must be had, each from one scope. A batch is
 * enough when each of its entries is. Scopes are an upper bound; role, consent and mask come after them.
 */
export const permits = (holder: Holder, i: FhirInteraction, operations?: OperationTable): Access => {
  if (i.kind === 'batch' || i.kind === 'transaction')
    return permitsAll(
      holder,
      i.entries.map((entry) => entry.interaction),
      operations,
    );
  const needs = needsOf(i, operations);
  if (needs === undefined) return { ok: false, problem: problem('scope-insufficient') };
  let confined = false;
  let stored: readonly Scope[] | undefined;
  for (const wanted of needs) {
    const scopes = meeting(holder, wanted, bodyOf(i));
    if (scopes.length === 0)
      return { ok: false, problem: problem('scope-insufficient', { scope: sufficient(holder, wanted) }) };
    if (scopes.every((scope) => scope.level === 'patient')) confined = true;
    if (wanted.effect === 'stored' && scopes.every((scope) => scope.only !== undefined)) stored = scopes;
  }
  // What comes back beyond the types asked for may be open by a `patient/` scope alone.
  if (bringsOthers(i) && holder.scopes.some((scope) => scope.level === 'patient')) confined = true;
  return {
    ok: true,
    ...(confined && holder.launchPatient !== undefined && { patientOnly: holder.launchPatient }),
    ...(stored !== undefined && { stored }),
  };
};

const permitsAll = (holder: Holder, parts: readonly FhirInteraction[], operations?: OperationTable): Access => {
  let confined: PatientId | undefined;
  const stored: Scope[] = [];
  for (const part of parts) {
    const access = permits(holder, part, operations);
    if (!access.ok) return access;
    confined ??= access.patientOnly;
    stored.push(...(access.stored ?? []));
  }
  return { ok: true, ...(confined !== undefined && { patientOnly: confined }), ...(stored.length > 0 && { stored }) };
};
