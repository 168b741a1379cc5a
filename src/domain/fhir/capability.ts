import { toValue } from '../json/cursor.ts';
import { scan } from '../json/scan.ts';
import { resourceType } from './ids.ts';
import type { ResourceType } from './interaction.ts';
import { defaultOperations, findOperation, type OperationTable } from './operations.ts';
import type { Bases } from './references.ts';
import { pointsTo, searchParameter } from './search-parameters.ts';

/** What differs between gateways in what they will do. */
export interface GatewayDoes {
  readonly operations: OperationTable;
}

const usual: GatewayDoes = { operations: defaultOperations };

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const objects = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const strings = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];

/** The named members that are there, as they are. */
const pick = (from: Json, ...names: readonly string[]): Json =>
  Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));

/** A list as a member, absent when nothing is left of it. */
const listed = (name: string, list: readonly unknown[]): Json => (list.length === 0 ? {} : { [name]: list });

const typeInteractions: ReadonlySet<unknown> = new Set([
  'read',
  'vread',
  'update',
  'patch',
  'delete',
  'history-instance',
  'history-type',
  'create',
  'search-type',
]);
const systemInteractions: ReadonlySet<unknown> = new Set(['transaction', 'batch', 'search-system', 'history-system']);

const coded = (value: unknown, known: ReadonlySet<unknown>): readonly Json[] =>
  objects(value).filter(({ code }) => known.has(code));

const operations = (value: unknown, type: ResourceType | undefined, does: GatewayDoes): readonly Json[] =>
  objects(value).filter(({ name }) => {
    if (typeof name !== 'string') return false;
    const plain = name.replace(/^\$/, '');
    const found =
      findOperation(does.operations, plain, type, false) ?? findOperation(does.operations, plain, type, true);
    return found !== undefined;
  });

const parameters = (value: unknown, type: ResourceType | undefined): readonly Json[] =>
  objects(value).filter(({ name }) => typeof name === 'string' && searchParameter(type, name) !== undefined);

/** `Type:parameter` or `Type:parameter:Target`, or a wildcard of the type. */
const isInclude = (text: string): boolean => {
  const [name = '', code = '', target] = text.split(':');
  const type = resourceType(name);
  if (type === undefined) return false;
  if (code === '*') return target === undefined;
  const parameter = searchParameter(type, code);
  if (parameter === undefined || parameter.kind !== 'reference') return false;
  const to = target === undefined ? undefined : resourceType(target);
  return target === undefined || (to !== undefined && pointsTo(parameter, to));
};

const can = (from: Json, ...codes: readonly string[]): boolean => {
  const there = new Set(objects(from.interaction).map(({ code }) => code));
  return codes.every((code) => there.has(code));
};

const resource = (from: Json, type: ResourceType, does: GatewayDoes): Json => ({
  type,
  ...pick(
    from,
    'profile',
    'supportedProfile',
    'versioning',
    'readHistory',
    'updateCreate',
    'conditionalRead',
    'referencePolicy',
  ),
  ...listed('interaction', coded(from.interaction, typeInteractions)),
  // The gateway resolves criteria itself: it takes a server that searches, creates, updates and deletes.
  conditionalCreate: can(from, 'search-type', 'create'),
  conditionalUpdate: can(from, 'search-type', 'create', 'update'),
  conditionalDelete: can(from, 'search-type', 'delete') ? 'single' : 'not-supported',
  ...listed('searchInclude', strings(from.searchInclude).filter(isInclude)),
  ...listed('searchRevInclude', strings(from.searchRevInclude).filter(isInclude)),
  ...listed('searchParam', parameters(from.searchParam, type)),
  ...listed('operation', [...operations(from.operation, type, does), ...ownOf(type, from)]),
});

/** The gateway's own; the de-identified read is there where the server exports. */
const own = (name: string): Json => ({ name, definition: `urn:consentry:operation:${name}` });
const ownOf = (type: ResourceType, from: Json): readonly Json[] => {
  const exports = objects(from.operation).some(({ name }) => name === 'export' || name === '$export');
  return [
    ...(exports ? [own('deidentify')] : []),
    ...((type as string) === 'Patient' ? [own('accounting-of-disclosures'), own('cohort-counts')] : []),
  ];
};

const smartService = {
  coding: [
    {
      system: 'http://terminology.hl7.org/CodeSystem/restful-security-service',
      code: 'SMART-on-FHIR',
      display: 'SMART-on-FHIR',
    },
  ],
  text: 'OAuth 2.0 with the SMART App Launch profile; the endpoints are in .well-known/smart-configuration',
};

const rest = (from: Json, does: GatewayDoes): Json => ({
  mode: 'server',
  security: {
    cors: true,
    service: [smartService],
    description:
      'Every call needs an access token. Scopes, role, consent of the patient and masking policy decide what is returned.',
  },
  ...listed(
    'resource',
    objects(from.resource).flatMap((each) => {
      const type = resourceType(typeof each.type === 'string' ? each.type : '');
      return type === undefined || (type as string) === 'Parameters' ? [] : [resource(each, type, does)];
    }),
  ),
  ...listed('interaction', coded(from.interaction, systemInteractions)),
  ...listed('searchParam', parameters(from.searchParam, undefined)),
  ...listed('operation', operations(from.operation, undefined, does)),
  ...pick(from, 'compartment'),
});

const encoder = new TextEncoder();

/**
 * The upstream's CapabilityStatement less what the gateway refuses, with the gateway's address and security. Members
 * that are not known here are left out: a statement promises, and nobody has checked that promise.
 * Undefined: not a CapabilityStatement of R4.
 */
export const restrictCapability = (
  statement: Uint8Array,
  bases: Bases,
  does: Partial<GatewayDoes> = {},
): Uint8Array | undefined => {
  const scanned = scan(statement);
  const value = scanned.ok ? toValue(scanned.tape, 0) : undefined;
  if (!isObject(value) || value.resourceType !== 'CapabilityStatement') return undefined;
  if (typeof value.fhirVersion !== 'string' || !value.fhirVersion.startsWith('4.0')) return undefined;
  const can = { ...usual, ...does };
  const restricted = {
    resourceType: 'CapabilityStatement',
    ...pick(value, 'status', 'date'),
    kind: 'instance',
    ...pick(value, 'instantiates'),
    software: { name: 'Consentry' },
    implementation: {
      description: `FHIR server behind a consent gateway, whose own API is described at ${bases.gatewayBase.replace(/\/fhir$/, '/api/docs')}`,
      url: bases.gatewayBase,
    },
    fhirVersion: value.fhirVersion,
    format: ['application/fhir+json', 'json'],
    patchFormat: ['application/json-patch+json', 'application/fhir+json'].filter(
      (each) => value.patchFormat === undefined || strings(value.patchFormat).includes(each),
    ),
    ...pick(value, 'implementationGuide'),
    rest: objects(value.rest)
      .filter(({ mode }) => mode === 'server')
      .map((each) => rest(each, can)),
  };
  return encoder.encode(JSON.stringify(restricted, (_name, member: unknown) => anchored(member, bases)));
};

/** Definitions that the upstream keeps itself are named where the caller can ask for them. */
const anchored = (member: unknown, { upstreamBase, upstreamAliases = [], gatewayBase }: Bases): unknown => {
  if (typeof member !== 'string') return member;
  const base = [upstreamBase, ...upstreamAliases].find((each) => member.startsWith(`${each}/`));
  return base === undefined ? member : `${gatewayBase}${member.slice(base.length)}`;
};

/** What an issuer says of itself in its OpenID discovery document (OpenID Connect Discovery 1.0, section 3). */
export interface IssuerMetadata {
  readonly issuer: string;
  readonly jwksUri?: string;
  readonly authorizationEndpoint?: string;
  readonly tokenEndpoint?: string;
  readonly introspectionEndpoint?: string;
  readonly revocationEndpoint?: string;
  readonly registrationEndpoint?: string;
  /** OpenID RP-initiated logout: for the console, SMART names no such endpoint. */
  readonly endSessionEndpoint?: string;
}

const named = (name: string, value: string | undefined): Json => (value === undefined ? {} : { [name]: value });

/**
 * The document at `.well-known/smart-configuration` (SMART App Launch 2.2, conformance). It names one authorisation
 * server, the first issuer; endpoints that nobody has told are left out, and with them the capabilities that need them.
 */
export const smartConfiguration = (issuers: readonly IssuerMetadata[], bases: Bases): Json => {
  const [first] = issuers;
  const launches = first?.authorizationEndpoint !== undefined && first.tokenEndpoint !== undefined;
  return {
    ...named('issuer', first?.issuer),
    ...named('jwks_uri', first?.jwksUri),
    ...named('authorization_endpoint', first?.authorizationEndpoint),
    ...named('token_endpoint', first?.tokenEndpoint),
    ...named('introspection_endpoint', first?.introspectionEndpoint),
    ...named('revocation_endpoint', first?.revocationEndpoint),
    ...named('registration_endpoint', first?.registrationEndpoint),
    // Where patients see and end what apps may do for them.
    management_endpoint: new URL('/my/', bases.gatewayBase).href,
    grant_types_supported: ['authorization_code', 'client_credentials'],
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'none'],
    token_endpoint_auth_signing_alg_values_supported: ['RS384', 'ES384'],
    scopes_supported: [
      'openid',
      'fhirUser',
      'launch/patient',
      'offline_access',
      'patient/*.cruds',
      'user/*.cruds',
      'system/*.cruds',
    ],
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    capabilities: [
      ...(launches ? ['launch-standalone', 'client-public', 'context-standalone-patient', 'sso-openid-connect'] : []),
      'client-confidential-asymmetric',
      'permission-patient',
      'permission-user',
      'permission-v1',
      'permission-v2',
    ],
  };
};
