import { compileConsent } from '../domain/consent/compile.ts';
import { readConsent } from '../domain/consent/fhir-consent.ts';
import { type FhirObject, isObject } from '../domain/consent/fhir-values.ts';
import type { EpochSeconds, Grant, GrantId } from '../domain/consent/grant.ts';
import { consentOfGrant } from '../domain/consent/to-fhir.ts';
import { scopeOf } from '../domain/consent/typed-data.ts';
import type { FhirInteraction, PatientId } from '../domain/fhir/interaction.ts';
import type { SearchQuery } from '../domain/fhir/search.ts';
import type { Principal } from '../domain/identity/principal.ts';
import type { Instant } from '../domain/instant.ts';
import { toValue } from '../domain/json/cursor.ts';
import { operationOutcome } from '../domain/outcome.ts';
import { type ProblemCode, problem, problemRow } from '../domain/problem.ts';
import type { Reason } from '../domain/reason.ts';
import type { LedgerStore } from '../ports.ts';
import type { Answer } from '../stages/answer.ts';
import type { ConsentDesk, ConsentState, DeskCaller } from './consent-desk-parts.ts';
import { outcomeOf } from './reasons.ts';

export interface FhirConsentParts {
  readonly desk: ConsentDesk;
  readonly registry: ConsentState;
  readonly keys: { patientOf(subject: Grant['subject']): PatientId | undefined };
  readonly ledger: LedgerStore;
  readonly chain: { readonly chainId: number; readonly contract: string };
  readonly bases: () => readonly string[];
  readonly possible: (type: string) => number;
  readonly overseers: Pick<ReadonlySet<string>, 'has'>;
}

export interface FhirConsentCall {
  readonly interaction: FhirInteraction;
  readonly principal: Principal;
  readonly requestId: string;
  readonly now: Instant;
}

const fhirJson = 'application/fhir+json; charset=utf-8';
const headers = { 'content-type': fhirJson, 'cache-control': 'no-store' };

const refuse = (code: ProblemCode): Answer => ({
  status: problemRow(code).status,
  headers,
  body: operationOutcome(problem(code)),
});

const refuseWith = (code: ProblemCode, reasons: readonly Reason[]): Answer => ({
  status: problemRow(code).status,
  headers,
  body: JSON.stringify(outcomeOf(code, reasons)),
});

const grantIdOf = (id: string): GrantId | undefined => (/^[0-9a-f]{64}$/.test(id) ? (`0x${id}` as GrantId) : undefined);

/**
 * Consent on the FHIR side. A Consent that a patient creates is compiled to grants and signed; what cannot be held
 * exactly is refused with its reasons. Every other way of writing a Consent would bypass the signature, and is refused.
 * Consents with the id of a grant, and a search for one patient's by that patient or an overseer, show the chain's state,
 * with proof; all else is the FHIR server's and passes through the stages like any resource.
 */
export const fhirConsent = (parts: FhirConsentParts) => {
  const { desk, registry } = parts;

  const mayLook = (principal: Principal, patient: PatientId): boolean =>
    principal.fhirUser === `Patient/${patient}` || principal.roles.some((role) => parts.overseers.has(role));

  const shown = (patient: PatientId, grant: Grant, now: EpochSeconds): FhirObject | undefined => {
    const head = registry.view()?.head;
    if (head === undefined) return undefined;
    const draft = desk.nameOf(patient, grant.id);
    const state = grant.until !== 0 && grant.until <= now ? 'expired' : 'active';
    const words = draft === undefined ? {} : { grantee: draft.grantee };
    const { effect, granteeKind, grantee: granteeKey } = grant;
    return consentOfGrant({ ...scopeOf(grant), effect, granteeKind, granteeKey, ...words }, patient, state, {
      ...parts.chain,
      grant: grant.id,
      terms: grant.terms,
      head,
    });
  };

  /** All that is in force for one patient, or was until it ran out. The set is small and whole: `_count` does not cut it. */
  const search = async (call: FhirConsentCall, patient: PatientId, query: SearchQuery): Promise<Answer> => {
    const seconds = Math.floor(call.now / 1000) as EpochSeconds;
    if (registry.view() === undefined) return refuse('consent-unverifiable');
    const values = (code: string) => query.criteria.filter((one) => one.code === code).map((one) => one.values);
    const [statuses, ids] = [values('status'), values('_id')];
    const entry = desk.grants(patient).flatMap(({ grant }) => {
      const resource = shown(patient, grant, seconds);
      const wanted =
        resource !== undefined &&
        statuses.every((one) => one.includes(String(resource.status))) &&
        ids.every((one) => one.includes(grant.id.slice(2)));
      return wanted ? [{ fullUrl: `${parts.bases()[0] ?? ''}/Consent/${grant.id.slice(2)}`, resource }] : [];
    });
    const listed = query.summary === 'count' || query.count === 0 ? [] : entry;
    await record(
      call,
      patient,
      listed.map(({ resource }) => `0x${String(resource.id)}` as GrantId),
      'search',
    );
    const bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      total: entry.length,
      ...(listed.length === 0 ? {} : { entry: listed.map((one) => ({ ...one, search: { mode: 'match' } })) }),
    };
    return { status: 200, headers, body: JSON.stringify(bundle) };
  };

  const record = async (
    call: FhirConsentCall,
    patient: PatientId,
    ids: readonly GrantId[],
    kind: 'read' | 'search',
  ) => {
    const { principal, interaction, requestId, now } = call;
    await parts.ledger.append({
      kind,
      at: now,
      requestId,
      decision: 'permit',
      actor: {
        user: principal.user,
        issuer: principal.issuer,
        client: principal.client,
        roles: principal.roles,
        ...(principal.fhirUser === undefined ? {} : { fhirUser: principal.fhirUser }),
      },
      purpose: principal.purpose,
      interaction: { kind: interaction.kind, type: 'Consent' },
      patients: [patient],
      resources: ids.map((id) => `Consent/${id.slice(2)}`),
      outcome: { status: 200, returned: ids.length, withheld: 0, masked: 0 },
      story: [{ stage: 'consent', rule: 'consent:own', text: 'The state of consent itself.' }],
      height: registry.view()?.head.number ?? 0,
    });
  };

  const create = async (call: FhirConsentCall, source: FhirObject): Promise<Answer> => {
    const { principal, requestId } = call;
    const own =
      principal.fhirUser?.startsWith('Patient/') === true ? principal.fhirUser.slice('Patient/'.length) : undefined;
    const subjects = [source.patient, source.subject].filter((one) => one !== undefined);
    const isOwn = subjects.length > 0 && subjects.every((one) => isObject(one) && one.reference === `Patient/${own}`);
    if (own === undefined || !isOwn) return refuse('consent-unsigned');
    const patient = own as PatientId;
    const reading = readConsent(source);
    if (reading.kind !== 'statement') {
      const rules = reading.kind === 'void' ? [`Consent.${reading.why}`] : reading.faults;
      const text = 'This part of the consent cannot be understood or does not permit or refuse access.';
      return refuseWith(
        'consent-unrepresentable',
        rules.map((rule) => ({ rule, text })),
      );
    }
    const compiled = compileConsent(reading.statement, { bases: parts.bases(), possible: parts.possible });
    if (!compiled.ok) return refuseWith('consent-unrepresentable', compiled.reasons);
    const caller: DeskCaller = {
      user: principal.user,
      issuer: principal.issuer,
      client: principal.client,
      patient,
      requestId,
    };
    const granted = await desk.grant(caller, patient, compiled.drafts, source);
    if ('code' in granted) return refuse(granted.code);
    const [first] = granted;
    const refused = granted.find(({ settled }) => settled.state === 'refused');
    if (first === undefined || refused !== undefined) return refuse('relay-unavailable');
    const id = first.id.slice(2);
    const others = granted.map((one) => ({ url: 'urn:consentry:grant', valueString: one.id }));
    const stored = {
      ...source,
      id,
      extension: [...(Array.isArray(source.extension) ? source.extension : []), ...others],
    };
    const done = granted.every(({ settled }) => settled.state === 'on-chain');
    return {
      status: done ? 201 : 202,
      headers: { ...headers, location: `${parts.bases()[0] ?? ''}/Consent/${id}` },
      body: JSON.stringify(stored),
    };
  };

  const owned = (id: string): { readonly grant: Grant; readonly patient: PatientId } | undefined => {
    const grantId = grantIdOf(id);
    const grant = grantId === undefined ? undefined : registry.grant(grantId);
    const patient = grant === undefined ? undefined : parts.keys.patientOf(grant.subject);
    return grant === undefined || patient === undefined ? undefined : { grant, patient };
  };

  /** `undefined`: the call is none of ours and goes on through the stages. */
  const answer = async (call: FhirConsentCall): Promise<Answer | undefined> => {
    const { interaction, principal, requestId, now } = call;
    if (!('type' in interaction) || interaction.type !== 'Consent') return undefined;
    const seconds = Math.floor(now / 1000) as EpochSeconds;
    switch (interaction.kind) {
      case 'create': {
        const source = toValue(interaction.body, 0);
        return isObject(source) ? create(call, source) : refuse('body-invalid');
      }
      case 'update':
      case 'patch':
        return refuse('consent-unsigned');
      case 'delete': {
        const found = interaction.id === undefined ? undefined : owned(interaction.id);
        if (found === undefined || principal.fhirUser !== `Patient/${found.patient}`) return refuse('consent-unsigned');
        const { user, issuer, client } = principal;
        const caller: DeskCaller = { user, issuer, client, patient: found.patient, requestId };
        const settled = await desk.revoke(caller, found.patient, found.grant.id);
        return 'code' in settled ? refuse(settled.code) : { status: 204, headers: { 'cache-control': 'no-store' } };
      }
      case 'read': {
        if (grantIdOf(interaction.id) === undefined) return undefined;
        const found = owned(interaction.id);
        // Missing and not allowed are one answer.
        if (found === undefined || !mayLook(principal, found.patient)) return refuse('consent-not-granted');
        const consent = shown(found.patient, found.grant, seconds);
        if (consent === undefined) return refuse('consent-unverifiable');
        await record(call, found.patient, [found.grant.id], 'read');
        return { status: 200, headers, body: JSON.stringify(consent) };
      }
      case 'search': {
        const patient = patientAsked(interaction, principal);
        return patient === undefined || !mayLook(principal, patient)
          ? undefined
          : search(call, patient, interaction.query);
      }
      default:
        return undefined;
    }
  };

  return { answer };
};

export type FhirConsent = ReturnType<typeof fhirConsent>;

/** What can be asked of the chain's consents beside whose they are; a search with more in it is the FHIR server's. */
const chainCriteria: ReadonlySet<string> = new Set(['status', '_id']);

/** The one patient a search for Consent is about: named, or the patient who asks. */
const patientAsked = (
  { query, compartment }: Extract<FhirInteraction, { kind: 'search' }>,
  { fhirUser }: Principal,
): PatientId | undefined => {
  if (query.includes.length > 0 || query.page !== undefined) return undefined;
  const named: string[] = compartment === undefined ? [] : [`${compartment.type}/${compartment.id}`];
  for (const { code, chain, has, modifier, values } of query.criteria) {
    const plain = chain.length === 0 && has.length === 0 && values.length === 1;
    const [value = ''] = values;
    if (code === 'patient' && plain && (modifier === undefined || modifier === 'Patient'))
      named.push(value.includes('/') ? value : `Patient/${value}`);
    else if (!chainCriteria.has(code) || modifier !== undefined || chain.length > 0 || has.length > 0) return undefined;
  }
  if (named.length === 0 && fhirUser !== undefined) named.push(fhirUser);
  const [first = ''] = named;
  return first.startsWith('Patient/') && named.every((one) => one === first)
    ? (first.slice('Patient/'.length) as PatientId)
    : undefined;
};
