import type { Brand } from '../brand.ts';
import type { PatientId } from '../fhir/interaction.ts';
import type { Scope } from './scope.ts';

export type UserId = Brand<string, 'UserId'>;
export type ClientId = Brand<string, 'ClientId'>;
export type Role = Brand<string, 'Role'>;
/** A code of v3-PurposeOfUse: TREAT, HPAYMT, HOPERAT, HRESCH, ETREAT, PATRQT ... */
export type PurposeOfUse = Brand<string, 'PurposeOfUse'>;

/** Who calls, from a verified token and nothing else. */
export interface Principal {
  readonly user: UserId;
  readonly issuer: string;
  readonly client: ClientId;
  /** SMART fhirUser as a relative reference: `Practitioner/p1`, `Patient/p2`. */
  readonly fhirUser?: string;
  /** `Organization/o1`. */
  readonly organisation?: string;
  readonly roles: readonly Role[];
  readonly purpose: PurposeOfUse;
  readonly scopes: readonly Scope[];
  /** The application was let into the officers' side of the gateway's API: scope `consentry/officer`. */
  readonly officer?: true;
  /** SMART launch context. */
  readonly launchPatient?: PatientId;
  /** `ResearchStudy/s1`, for purpose HRESCH. */
  readonly study?: string;
  /** Authentication context class and time (RFC 9470), for step-up. */
  readonly acr?: string;
  readonly authTime?: number;
  /** Free-text reason given for break-glass (ETREAT); goes to the ledger only. */
  readonly reason?: string;
}
