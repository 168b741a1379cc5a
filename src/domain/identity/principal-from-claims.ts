import type { PatientId } from '../fhir/interaction.ts';
import { type Problem, problem } from '../problem.ts';
import type { ClientId, Principal, PurposeOfUse, Role, UserId } from './principal.ts';
import { hasOfficerScope, parseScopes } from './scope.ts';

/** Where an issuer puts what we need. A dot descends: Keycloak's roles are in `realm_access.roles`. */
export interface ClaimNames {
  readonly roles: string;
  readonly organisation: string;
  readonly purpose: string;
  readonly study: string;
  readonly reason: string;
}

export const defaultClaimNames: ClaimNames = {
  roles: 'roles',
  organisation: 'organization',
  purpose: 'purpose_of_use',
  study: 'study',
  reason: 'reason',
};

export interface ClaimRules {
  readonly names?: Partial<ClaimNames>;
  /** For issuers that cannot say it; without it a token that names no purpose is refused, a patient's own excepted. */
  readonly defaultPurpose?: string;
}

export type Claims = Readonly<Record<string, unknown>>;

/**
 * The claims of a token whose signature, issuer, audience and times were verified, as a Principal. A claim of the wrong
 * type or form refuses the token: half of an identity is none.
 */
export const principalFromClaims = (claims: Claims, rules: ClaimRules = {}): Principal | Problem => {
  try {
    return Object.freeze(read(claims, rules));
  } catch (error) {
    if (error instanceof UnfitClaim) return problem('auth-token-invalid');
    throw error;
  }
};

class UnfitClaim extends Error {}

const read = (claims: Claims, rules: ClaimRules): Principal => {
  // A key-bound token (RFC 7800) is only as good as a proof of the key, which a bearer header does not carry.
  if (claims.cnf !== undefined) throw new UnfitClaim();
  const names = { ...defaultClaimNames, ...rules.names };
  const fhirUser = reference(claims.fhirUser, userTypes);
  const isPatient = fhirUser?.startsWith('Patient/') === true;
  return {
    user: required(text(claims.sub)) as UserId,
    issuer: required(text(claims.iss)),
    client: required(text(claims.client_id ?? claims.azp)) as ClientId,
    roles: rolesOf(at(claims, names.roles), isPatient),
    purpose: purposeOf(at(claims, names.purpose) ?? iuaPurpose(claims), rules.defaultPurpose, isPatient),
    scopes: parseScopes(scopeText(claims.scope ?? claims.scp)),
    ...(hasOfficerScope(scopeText(claims.scope ?? claims.scp)) ? { officer: true } : {}),
    ...given('fhirUser', fhirUser),
    ...given('organisation', reference(at(claims, names.organisation) ?? claims.organisation, ['Organization'])),
    ...given('launchPatient', patientOf(claims.patient)),
    ...given('study', reference(at(claims, names.study), ['ResearchStudy'])),
    ...given('acr', text(claims.acr)),
    ...given('authTime', seconds(claims.auth_time)),
    ...given('reason', text(at(claims, names.reason))),
  };
};

const given = <Name extends string, Value>(name: Name, value: Value | undefined): { [key in Name]?: Value } =>
  value === undefined ? {} : ({ [name]: value } as { [key in Name]: Value });

const at = (claims: Claims, path: string): unknown => {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Claims)[step];
  }
  return value;
};

const longest = 1000;

const text = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > longest || hasControl(value)) throw new UnfitClaim();
  return value;
};

const hasControl = (value: string): boolean => /\p{Cc}/u.test(value);

const required = <Value>(value: Value | undefined): Value => {
  if (value === undefined) throw new UnfitClaim();
  return value;
};

const seconds = (value: unknown): number | undefined => {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new UnfitClaim();
  return value;
};

// SMART App Launch 2.2, "fhirUser claim".
const userTypes = ['Patient', 'Practitioner', 'PractitionerRole', 'RelatedPerson', 'Person'];

/** Relative, or absolute as SMART writes `fhirUser`; the relative form is kept. */
const reference = (value: unknown, types: readonly string[]): string | undefined => {
  const whole = text(value);
  if (whole === undefined) return undefined;
  const [, type = '', id] = /^(?:https?:\/\/[^\s?#]+\/)?([A-Za-z]+)\/([A-Za-z0-9.-]{1,64})$/.exec(whole) ?? [];
  if (id === undefined || !types.includes(type)) throw new UnfitClaim();
  return `${type}/${id}`;
};

const patientOf = (value: unknown): PatientId | undefined => {
  const id = text(value);
  if (id === undefined) return undefined;
  const bare = id.startsWith('Patient/') ? id.slice('Patient/'.length) : id;
  if (!/^[A-Za-z0-9.-]{1,64}$/.test(bare)) throw new UnfitClaim();
  return bare as PatientId;
};

/** Without a role claim nobody has a role, but for patients: SMART issuers know no roles, and `fhirUser` says who it is. */
const rolesOf = (value: unknown, isPatient: boolean): readonly Role[] => {
  if (value === undefined || value === null) return isPatient ? ['patient' as Role] : [];
  const list: unknown[] = typeof value === 'string' ? value.split(' ').filter(Boolean) : asArray(value);
  return [...new Set(list.map((role) => required(text(role)) as Role))];
};

const asArray = (value: unknown): unknown[] => {
  if (!Array.isArray(value) || value.length > 100) throw new UnfitClaim();
  return value;
};

const purposeOf = (value: unknown, fallback: string | undefined, isPatient: boolean): PurposeOfUse => {
  const code = purposeCode(value) ?? (isPatient ? 'PATRQT' : fallback);
  if (code === undefined || !/^[A-Z]{2,12}$/.test(code)) throw new UnfitClaim();
  return code as PurposeOfUse;
};

/** A code, a coding, or a list of exactly one: a call has one purpose. */
const purposeCode = (value: unknown): string | undefined => {
  if (value === undefined || value === null || typeof value === 'string') return text(value);
  if (Array.isArray(value)) {
    if (value.length !== 1) throw new UnfitClaim();
    return purposeCode(value[0]);
  }
  if (typeof value !== 'object') throw new UnfitClaim();
  return required(text((value as Claims).code));
};

/** IHE IUA: `extensions.ihe_iua.purpose_of_use`. */
const iuaPurpose = (claims: Claims): unknown => at(claims, 'extensions.ihe_iua.purpose_of_use');

/** RFC 8693 has one string; some issuers send a list. */
const scopeText = (value: unknown): string => {
  if (value === undefined) throw new UnfitClaim();
  if (typeof value === 'string') return value;
  const list = asArray(value);
  if (!list.every((each) => typeof each === 'string' && !each.includes(' '))) throw new UnfitClaim();
  return list.join(' ');
};
