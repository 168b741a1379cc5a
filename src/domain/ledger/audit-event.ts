import { toBase64 } from './base64.ts';
import type { LedgerEntry } from './entry.ts';

/** Who keeps the log: the source of every event. */
export interface AuditSource {
  /** Name of the gateway, unique at the site. */
  readonly name: string;
  /** Its address as a client sees it. */
  readonly address: string;
  /** What a masking rule hides, in the words of the policies in force; empty for a rule that is gone. */
  readonly hiddenBy?: (rule: string) => readonly string[];
}

interface Coding {
  readonly system: string;
  readonly code: string;
}
interface Reference {
  readonly reference?: string;
  readonly type?: string;
  readonly identifier?: { readonly system?: string; readonly value: string };
  readonly display?: string;
}
interface Detail {
  readonly type: string;
  readonly valueString: string;
}
interface AuditAgent {
  readonly type: { readonly coding: readonly Coding[] };
  readonly role?: readonly { readonly text: string }[];
  readonly who: Reference;
  readonly requestor: boolean;
  readonly policy?: readonly string[];
  readonly network?: { readonly address: string };
  readonly purposeOfUse?: readonly { readonly coding: readonly Coding[] }[];
}
interface AuditEntity {
  readonly what?: Reference;
  readonly type: Coding;
  readonly role?: Coding;
  readonly query?: string;
  readonly detail?: readonly Detail[];
}

/** FHIR R4 AuditEvent, only what the ledger fills. */
export interface AuditEvent {
  readonly resourceType: 'AuditEvent';
  readonly id?: string;
  readonly meta?: { readonly profile: readonly string[] };
  readonly type: Coding;
  readonly subtype: readonly Coding[];
  readonly action: 'C' | 'R' | 'U' | 'D' | 'E';
  readonly recorded: string;
  readonly outcome: '0' | '4' | '8' | '12';
  readonly outcomeDesc?: string;
  readonly purposeOfEvent?: readonly { readonly coding: readonly Coding[] }[];
  readonly agent: readonly AuditAgent[];
  readonly source: { readonly site: string; readonly observer: Reference };
  readonly entity: readonly AuditEntity[];
}

const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const BALP = 'https://profiles.ihe.net/ITI/BALP';
const PROFILE = `${BALP}/StructureDefinition/IHE.BasicAudit.`;
const REST: Coding = { system: 'http://terminology.hl7.org/CodeSystem/audit-event-type', code: 'rest' };
const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
const INTERACTION = 'http://hl7.org/fhir/restful-interaction';
const OBJECT_ROLE = 'http://terminology.hl7.org/CodeSystem/object-role';
const ENTITY_TYPE = 'http://terminology.hl7.org/CodeSystem/audit-entity-type';
const RESOURCE_TYPES = 'http://hl7.org/fhir/resource-types';
/** Ours, for what is no REST call: a consent seen, a policy put in force, a model, an anchor, an erasure. */
const LEDGER_KIND = 'urn:consentry:ledger-kind';

const PERSON: Coding = { system: ENTITY_TYPE, code: '1' };
const SYSTEM_OBJECT: Coding = { system: ENTITY_TYPE, code: '2' };
const PATIENT_ROLE: Coding = { system: OBJECT_ROLE, code: '1' };
const DOMAIN_RESOURCE: Coding = { system: OBJECT_ROLE, code: '4' };
const QUERY_ROLE: Coding = { system: OBJECT_ROLE, code: '24' };

type Shape = 'Read' | 'Query' | 'Create' | 'Update' | 'Delete';
interface Pattern {
  readonly subtype: string;
  readonly action: AuditEvent['action'];
  readonly shape?: Shape;
}

/** By the kind of the interaction; the profile says which DICOM role the client plays. */
const patterns: Readonly<Record<string, Pattern>> = {
  read: { subtype: 'read', action: 'R', shape: 'Read' },
  vread: { subtype: 'vread', action: 'R', shape: 'Read' },
  search: { subtype: 'search', action: 'E', shape: 'Query' },
  history: { subtype: 'history', action: 'R' },
  create: { subtype: 'create', action: 'C', shape: 'Create' },
  update: { subtype: 'update', action: 'U', shape: 'Update' },
  patch: { subtype: 'patch', action: 'U', shape: 'Update' },
  delete: { subtype: 'delete', action: 'D', shape: 'Delete' },
  batch: { subtype: 'batch', action: 'E' },
  transaction: { subtype: 'transaction', action: 'E' },
  operation: { subtype: 'operation', action: 'E' },
  graphql: { subtype: 'operation', action: 'E' },
  capabilities: { subtype: 'capabilities', action: 'R' },
};

const SOURCE_ROLE: Coding = { system: DCM, code: '110153' };
const DESTINATION_ROLE: Coding = { system: DCM, code: '110152' };
const APPLICATION: Coding = { system: DCM, code: '110150' };
const CUSTODIAN: Coding = {
  system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type',
  code: 'custodian',
};
const PARTICIPATION = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType';

const sides = (shape: Shape | undefined): readonly [client: Coding, server: Coding, user: Coding] => {
  const recipient: Coding = { system: PARTICIPATION, code: 'IRCP' };
  const author: Coding = { system: PARTICIPATION, code: 'AUT' };
  if (shape === 'Delete') return [APPLICATION, CUSTODIAN, author];
  if (shape === 'Create' || shape === 'Update') return [SOURCE_ROLE, DESTINATION_ROLE, author];
  if (shape === 'Query') return [SOURCE_ROLE, DESTINATION_ROLE, recipient];
  return [DESTINATION_ROLE, SOURCE_ROLE, recipient];
};

const observerOf = (source: AuditSource): Reference => ({ type: 'Device', identifier: { value: source.name } });

const purposeOf = (entry: LedgerEntry) =>
  entry.purpose === undefined ? undefined : [{ coding: [{ system: ACT_REASON, code: entry.purpose }] }];

const userOf = (actor: NonNullable<LedgerEntry['actor']>): Reference =>
  actor.fhirUser === undefined
    ? { identifier: { system: actor.issuer, value: actor.user } }
    : { reference: actor.fhirUser, identifier: { system: actor.issuer, value: actor.user } };

const detailsOf = (entry: LedgerEntry): Detail[] => {
  const { outcome, consent, risk } = entry;
  const pairs: readonly (readonly [string, string | number | undefined])[] = [
    ['kind', entry.kind],
    ['decision', entry.decision],
    ['code', entry.code],
    ['stage', entry.stage],
    ['status', outcome.status],
    ['returned', outcome.returned],
    ['withheld', outcome.withheld],
    ['masked', outcome.masked],
    ['consent-basis', consent?.basis],
    ['consent-block', consent?.block],
    ['chain-height', entry.height],
    ['risk-score', risk?.score],
    ['risk-action', risk?.action],
    ['risk-model', risk?.model],
    ['reason', entry.reason],
  ];
  return pairs
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([type, value]) => ({ type, valueString: String(value) }));
};

const targetOf = ({ interaction, resources }: LedgerEntry): Reference => {
  const [only] = resources;
  if (only !== undefined && resources.length === 1) return { reference: only };
  if (interaction?.type !== undefined && interaction.id !== undefined) {
    return { reference: `${interaction.type}/${interaction.id}` };
  }
  return interaction?.type === undefined ? { display: 'The whole system' } : { type: interaction.type };
};

/** What was asked, as BALP keeps it: base64 of the normal form. */
const queryOf = ({ interaction }: LedgerEntry): string => {
  const path = [interaction?.type, interaction?.id, interaction?.operation && `$${interaction.operation}`];
  const text = `${path.filter((part) => part !== undefined && part !== '').join('/')}?${interaction?.query ?? ''}`;
  return toBase64(new TextEncoder().encode(text));
};

const patientEntities = (entry: LedgerEntry): AuditEntity[] =>
  entry.patients.map((patient) => ({
    what: { reference: `Patient/${patient}` },
    type: PERSON,
    role: PATIENT_ROLE,
  }));

const consentEntities = ({ consent }: LedgerEntry): AuditEntity[] =>
  (consent?.grants ?? []).map((grant) => ({
    what: {
      type: 'Consent',
      identifier: { system: `urn:consentry:contract:${consent?.contract ?? ''}`, value: grant },
    },
    type: { system: RESOURCE_TYPES, code: 'Consent' },
  }));

const transactionEntity = (entry: LedgerEntry): AuditEntity => ({
  what: { identifier: { value: entry.requestId } },
  type: { system: `${BALP}/CodeSystem/BasicAuditEntityType`, code: 'XrequestId' },
  detail: detailsOf(entry),
});

/** A search may carry one entity of the type "system object", its query; what it returned is typed by resource. */
const dataEntities = (entry: LedgerEntry, shape: Shape | undefined): AuditEntity[] => {
  if (entry.interaction === undefined) return [];
  const returned = entry.resources.map((reference) => ({
    what: { reference },
    type: { system: RESOURCE_TYPES, code: reference.split('/')[0] ?? 'Resource' },
    role: DOMAIN_RESOURCE,
  }));
  if (shape === 'Query') return [{ type: SYSTEM_OBJECT, role: QUERY_ROLE, query: queryOf(entry) }, ...returned];
  const data: AuditEntity = { what: targetOf(entry), type: SYSTEM_OBJECT, role: DOMAIN_RESOURCE };
  return [data, ...(entry.resources.length > 1 ? returned : [])];
};

const describe = (entry: LedgerEntry): string => entry.story.map(({ text }) => text).join(' ');

const restAgents = (entry: LedgerEntry, source: AuditSource, shape: Shape | undefined): AuditAgent[] => {
  const [client, server, user] = sides(shape);
  const { actor } = entry;
  const agents: AuditAgent[] = [
    {
      type: { coding: [client] },
      who: actor === undefined ? { display: 'Not known' } : { identifier: { value: actor.client } },
      requestor: false,
      network: { address: actor?.client ?? 'not known' },
    },
    { type: { coding: [server] }, who: observerOf(source), requestor: false, network: { address: source.address } },
  ];
  if (actor !== undefined) {
    const purposeOfUse = purposeOf(entry);
    agents.push({
      type: { coding: [user] },
      ...(actor.roles.length > 0 ? { role: actor.roles.map((text) => ({ text })) } : {}),
      who: userOf(actor),
      requestor: true,
      ...(entry.policy === undefined ? {} : { policy: [`urn:consentry:policy:${entry.policy.hash}`] }),
      ...(purposeOfUse === undefined ? {} : { purposeOfUse }),
    });
  }
  return agents;
};

/** A refusal with its patient and actor known is an authorisation decision: the BALP pattern for consent. */
const decisionEvent = (entry: LedgerEntry, source: AuditSource): AuditEvent | undefined => {
  const { actor } = entry;
  if (actor === undefined || entry.patients.length !== 1) return undefined;
  const purpose = purposeOf(entry);
  const grants = consentEntities(entry);
  const none: AuditEntity = {
    what: { type: 'Consent', display: 'No consent on record allows this access' },
    type: { system: RESOURCE_TYPES, code: 'Consent' },
  };
  return {
    resourceType: 'AuditEvent',
    meta: { profile: [`${PROFILE}AuthZconsent`] },
    type: { system: DCM, code: '110113' },
    subtype: [
      { system: `${BALP}/CodeSystem/AuthZsubType`, code: entry.stage === 'consent' ? 'AuthZ-Consent' : 'AuthZ-Role' },
    ],
    action: 'E',
    recorded: new Date(entry.at).toISOString(),
    outcome: '4',
    outcomeDesc: describe(entry) || 'Refused.',
    ...(purpose === undefined ? {} : { purposeOfEvent: purpose }),
    agent: [
      {
        type: { coding: [APPLICATION] },
        who: { identifier: { value: actor.client } },
        requestor: false,
        network: { address: actor.client },
      },
      {
        type: { coding: [{ system: PARTICIPATION, code: 'IRCP' }] },
        ...(actor.roles.length > 0 ? { role: actor.roles.map((text) => ({ text })) } : {}),
        who: userOf(actor),
        requestor: true,
        ...(purpose === undefined ? {} : { purposeOfUse: purpose }),
      },
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleClass', code: 'PROV' }] },
        who: actor.organisation === undefined ? { display: 'Not known' } : { reference: actor.organisation },
        requestor: false,
      },
      {
        type: {
          coding: [{ system: 'http://terminology.hl7.org/CodeSystem/extra-security-role-type', code: 'authserver' }],
        },
        who: observerOf(source),
        requestor: false,
      },
    ],
    source: { site: source.name, observer: observerOf(source) },
    entity: [...patientEntities(entry), ...(grants.length > 0 ? grants : [none])],
  };
};

const outcomeOf = ({ decision, outcome }: LedgerEntry): AuditEvent['outcome'] => {
  if (decision === 'deny') return '4';
  return outcome.status >= 500 ? '8' : outcome.status >= 400 ? '4' : '0';
};

/** The entry as an IHE BALP AuditEvent. A pure function, so the payload keeps only the entry. */
export const auditEventOf = (entry: LedgerEntry, source: AuditSource, id?: string): AuditEvent => {
  const named = id === undefined ? {} : { id };
  const decision = entry.kind === 'denied' ? decisionEvent(entry, source) : undefined;
  if (decision !== undefined) return { ...named, ...decision };
  // What was only asked about was not done.
  const pattern = entry.kind === 'decision' ? undefined : entry.interaction && patterns[entry.interaction.kind];
  const outcome = outcomeOf(entry);
  const shape = outcome === '0' ? pattern?.shape : undefined;
  const patient = entry.patients.length === 1 ? 'Patient' : '';
  const purpose = purposeOf(entry);
  const described = describe(entry);
  return {
    ...named,
    resourceType: 'AuditEvent',
    ...(shape === undefined ? {} : { meta: { profile: [`${PROFILE}${patient}${shape}`] } }),
    type: pattern === undefined ? { system: LEDGER_KIND, code: 'ledger' } : REST,
    subtype: [
      pattern === undefined
        ? { system: LEDGER_KIND, code: entry.kind }
        : { system: INTERACTION, code: pattern.subtype },
    ],
    action: pattern?.action ?? 'E',
    recorded: new Date(entry.at).toISOString(),
    outcome,
    ...(described === '' ? {} : { outcomeDesc: described }),
    ...(purpose === undefined ? {} : { purposeOfEvent: purpose }),
    agent: restAgents(entry, source, pattern?.shape),
    source: { site: source.name, observer: observerOf(source) },
    entity: [
      transactionEntity(entry),
      ...dataEntities(entry, pattern?.shape),
      ...patientEntities(entry),
      ...consentEntities(entry),
    ],
  };
};
