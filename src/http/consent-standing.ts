import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PatientId } from '../domain/fhir/interaction.ts';
import { ownPatient, standsFor } from '../domain/identity/own-patient.ts';
import type { Principal } from '../domain/identity/principal.ts';
import { opensConsents, type ScopeLetter } from '../domain/identity/scope.ts';
import { type ProblemCode, problemRow } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';
import type { DeskCaller } from './consent-desk-parts.ts';
import { refuse } from './errors.ts';
import { outcomeOf } from './reasons.ts';

/** Who stands at the desk, and for whom. */
export interface Stand {
  readonly patient: PatientId;
  readonly caller: DeskCaller;
}

export interface StandingParts {
  /** Who calls: the operator of this machine, or the principal of a valid token. */
  readonly asker: (request: FastifyRequest) => Promise<'operator' | Principal | undefined>;
  /** Roles that may look at any patient's consents, though change none. */
  readonly overseers: Pick<ReadonlySet<string>, 'has'>;
  /** Roles that may be one of the two people of TWO_PERSON. */
  readonly vouchers: Pick<ReadonlySet<string>, 'has'>;
}

export const send = (reply: FastifyReply, status: number, body: unknown): FastifyReply =>
  reply.code(status).header('cache-control', 'no-store').send(body);

export const refuseWith = (reply: FastifyReply, code: ProblemCode, reasons: readonly Reason[]): FastifyReply =>
  send(reply.type('application/fhir+json; charset=utf-8'), problemRow(code).status, outcomeOf(code, reasons));

export const malformed = (reply: FastifyReply, fault: string): FastifyReply =>
  refuseWith(reply, 'body-invalid', [{ rule: 'body', text: `${problemRow('body-invalid').text} ${fault}` }]);

/** What each takes of an application's scopes on Consent; a voucher acts for nobody but themselves. */
const lettersOf = {
  look: ['s'],
  prepare: ['c'],
  grant: ['c'],
  narrow: ['u'],
  revoke: ['d'],
  // Whoever chooses the key decides everything from then on.
  key: ['c', 'u', 'd'],
  vouch: [],
} as const satisfies Record<string, readonly ScopeLetter[]>;

export type Standing = (
  request: FastifyRequest,
  reply: FastifyReply,
  named: string | undefined,
  purpose: keyof typeof lettersOf,
  signed: boolean,
) => Promise<Stand | undefined>;

/**
 * Patients stand for themselves; the operator and overseers may look at others, and others may bring a signature. Answers the
 * refusal itself.
 */
export const standingOf =
  (parts: StandingParts): Standing =>
  async (request, reply, named, purpose, signed) => {
    const asker = await parts.asker(request);
    if (asker === undefined) {
      refuse(reply.header('www-authenticate', 'Bearer'), 'auth-token-invalid');
      return undefined;
    }
    const own = asker === 'operator' ? undefined : ownPatient(asker);
    const patient = (named ?? own) as PatientId | undefined;
    const may = patient !== undefined && mayStand(parts, asker, own, patient, purpose, signed);
    if (!may || patient === undefined) {
      const look = purpose === 'look' || purpose === 'vouch';
      refuse(reply, !look && patient !== undefined ? 'consent-unsigned' : 'scope-insufficient');
      return undefined;
    }
    const letters = lettersOf[purpose];
    // Patients may do all this; the application through which they come, what its scopes let it do to their Consents.
    if (
      asker !== 'operator' &&
      patient === own &&
      !signed &&
      !letters.every((letter) => opensConsents(asker.scopes, letter))
    ) {
      const scope = `patient/Consent.${purpose === 'look' ? 'rs' : letters.join('')}`;
      refuse(
        reply.header('www-authenticate', `Bearer error="insufficient_scope", scope="${scope}"`),
        'scope-insufficient',
      );
      return undefined;
    }
    const who =
      asker === 'operator'
        ? { user: 'operator', issuer: 'local', client: 'operator' }
        : { user: asker.user, issuer: asker.issuer, client: asker.client };
    const requestId = String(reply.getHeader('x-request-id') ?? request.id);
    return {
      patient,
      caller: { ...who, requestId, ...(own === patient && own !== undefined ? { patient: own } : {}) },
    };
  };

const mayStand = (
  parts: StandingParts,
  asker: 'operator' | Principal,
  own: PatientId | undefined,
  patient: PatientId,
  purpose: Parameters<Standing>[3],
  signed: boolean,
): boolean => {
  switch (purpose) {
    case 'vouch':
      return asker !== 'operator' && own === undefined && asker.roles.some((role) => parts.vouchers.has(role));
    case 'look':
      return (
        patient === own ||
        asker === 'operator' ||
        standsFor(asker, patient) ||
        asker.roles.some((role) => parts.overseers.has(role))
      );
    // What is to be signed names the patient's pseudonym: for the patient's side only.
    case 'prepare':
      return patient === own || (asker !== 'operator' && standsFor(asker, patient));
    case 'grant':
    case 'narrow':
    case 'revoke':
    case 'key':
      return patient === own || signed;
  }
};
