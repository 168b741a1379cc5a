import type { InteractionKind, ResourceType } from '../fhir/interaction.ts';
import { matchesQuery } from '../fhir/search-match.ts';
import type { Tape } from '../json/tape.ts';
import type { Principal } from './principal.ts';
import type { Scope } from './scope.ts';

export type Holder = Pick<Principal, 'scopes' | 'launchPatient'>;

/** `patient/` scopes hold only with a launch patient; without one they give nothing. */
export const holds = (holder: Holder, scope: Scope): boolean =>
  scope.level !== 'patient' || holder.launchPatient !== undefined;

export const covers = (scope: Scope, type: ResourceType | '*'): boolean => scope.type === '*' || scope.type === type;

/** Whether a resource matches one scope: its type, and its granular filter if it has one. */
export const matchesGranular = (tape: Tape, node: number, type: ResourceType, scope: Scope): boolean =>
  covers(scope, type) && (scope.only === undefined || matchesQuery(tape, node, type, scope.only));

/** Who may write a resource but not read it is shown no more than what it sent. */
const opens = (scope: Scope, kind: InteractionKind): boolean =>
  scope.read || scope.search || (kind === 'create' && scope.create) || (kind === 'update' && scope.update);

/**
 * Whether a resource that comes back is within the scopes of the caller. Every resource of every answer is asked,
 * included ones too (HL7/smart-app-launch: a granular scope limits what is returned, whatever brought it).
 */
export const mayReturn = (
  holder: Holder,
  tape: Tape,
  node: number,
  type: ResourceType,
  kind: InteractionKind = 'read',
): boolean =>
  holder.scopes.some((scope) => holds(holder, scope) && opens(scope, kind) && matchesGranular(tape, node, type, scope));
