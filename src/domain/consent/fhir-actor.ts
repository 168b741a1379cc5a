import type { FhirRequest } from './fhir-request.ts';
import type { ActorReference, RuleActor } from './fhir-rule.ts';
import { timeSpan } from './fhir-time.ts';
import { type Code, type FhirObject, isObject, sameCode } from './fhir-values.ts';
import { type FhirReference, fhirReference, sameReference, typeOf } from './reference.ts';

/** A criterion holds, does not, or cannot be told. A permit needs `yes`; a deny applies unless `no`. */
export type Truth = 'yes' | 'no' | 'unknown';

/** Resources that say who is who: PractitionerRole, CareTeam, Group. By `Type/id`, and by `fullUrl` where it is a urn. */
export type Facts = ReadonlyMap<string, FhirObject>;

/** Under which references and roles the caller may be meant. */
export interface Identity {
  readonly references: readonly FhirReference[];
  readonly roles: readonly Code[];
}

const referenceIn = (value: unknown): FhirReference | undefined =>
  isObject(value) && typeof value.reference === 'string' ? fhirReference(value.reference) : undefined;

const isPeriod = (value: unknown): boolean => {
  if (value === undefined) return true;
  if (!isObject(value) || (value.start === undefined && value.end === undefined)) return false;
  return [value.start, value.end].every(
    (one) => one === undefined || (typeof one === 'string' && timeSpan(one) !== undefined),
  );
};

const isFlag = (value: unknown): boolean => value === undefined || typeof value === 'boolean';

/**
 * Whether what these resources say of time and membership can be told. One that lost its end would make a former
 * member current; one that lost a member would let a refusal pass by: either is a fault of the whole set of documents.
 */
export const isReadableFact = (fact: FhirObject): boolean => {
  if (!['PractitionerRole', 'CareTeam', 'Group'].includes(String(fact.resourceType))) return true;
  if (!isPeriod(fact.period) || !isFlag(fact.active)) return false;
  return [fact.participant, fact.member, fact.characteristic].every(
    (members) =>
      members === undefined ||
      (Array.isArray(members) &&
        members.every((one) => isObject(one) && isPeriod(one.period) && isFlag(one.inactive) && isFlag(one.exclude))),
  );
};

const isCurrent = (period: unknown, time: number): boolean => {
  if (!isObject(period)) return true;
  const start = typeof period.start === 'string' ? timeSpan(period.start) : undefined;
  const end = typeof period.end === 'string' ? timeSpan(period.end) : undefined;
  return (start === undefined || start.from <= time) && (end === undefined || time < end.until);
};

const conceptCodes = (value: unknown): readonly Code[] => {
  if (!isObject(value) || !Array.isArray(value.coding)) return [];
  return value.coding.flatMap((coding: unknown): readonly Code[] => {
    if (!isObject(coding) || typeof coding.code !== 'string') return [];
    return [typeof coding.system === 'string' ? { system: coding.system, code: coding.code } : { code: coding.code }];
  });
};

const list = (value: unknown): readonly FhirObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** What the caller's own PractitionerRole adds: the person, the organisation, the roles. */
const expandRole = (role: FhirObject, time: number): Identity => {
  if (role.active === false || !isCurrent(role.period, time)) return { references: [], roles: [] };
  return {
    references: [referenceIn(role.practitioner), referenceIn(role.organization)].filter((one) => one !== undefined),
    roles: list(role.code).flatMap(conceptCodes),
  };
};

const membersOf = (fact: FhirObject, time: number): readonly FhirReference[] => {
  if (fact.resourceType === 'Group' && fact.active !== false) {
    return list(fact.member)
      .filter((member) => member.inactive !== true && isCurrent(member.period, time))
      .map((member) => referenceIn(member.entity))
      .filter((one) => one !== undefined);
  }
  if (fact.resourceType === 'CareTeam' && (fact.status === undefined || fact.status === 'active')) {
    if (!isCurrent(fact.period, time)) return [];
    return list(fact.participant)
      .filter((participant) => isCurrent(participant.period, time))
      .map((participant) => referenceIn(participant.member))
      .filter((one) => one !== undefined);
  }
  return [];
};

/** The caller as stated, and as the facts at hand add to it. */
export const identityOf = (request: FhirRequest, facts: Facts): Identity => {
  const stated = [...request.actors, ...request.organisations];
  const references = [...stated];
  const roles = [...request.roles];
  for (const reference of stated) {
    const fact = facts.get(reference.name);
    if (fact?.resourceType !== 'PractitionerRole') continue;
    const more = expandRole(fact, request.time);
    references.push(...more.references);
    roles.push(...more.roles);
  }
  const groups = [...facts]
    .filter(([, fact]) => membersOf(fact, request.time).some((member) => isOneOf(references, member)))
    .map(([name]) => ({ name }));
  return { references: [...references, ...groups], roles };
};

const isOneOf = (references: readonly FhirReference[], wanted: FhirReference): boolean =>
  references.some((one) => sameReference(one, wanted));

/** A Group that is defined by what its members share, such as a role. */
const sharesCharacteristics = (group: FhirObject, identity: Identity): Truth => {
  const characteristics = list(group.characteristic);
  if (group.resourceType !== 'Group' || characteristics.length === 0) return 'no';
  let all: Truth = 'yes';
  for (const { valueCodeableConcept, exclude } of characteristics) {
    const codes = conceptCodes(valueCodeableConcept);
    if (codes.length === 0) all = 'unknown';
    else if (codes.some((code) => identity.roles.some((role) => sameCode(role, code))) === (exclude === true))
      return 'no';
  }
  return all;
};

/** A PractitionerRole stands for its practitioner at its organisation. */
const actsAs = (role: FhirObject, identity: Identity, request: FhirRequest): Truth => {
  if (role.resourceType !== 'PractitionerRole' || role.active === false || !isCurrent(role.period, request.time)) {
    return 'no';
  }
  const practitioner = referenceIn(role.practitioner);
  if (practitioner === undefined || !isOneOf(identity.references, practitioner)) return 'no';
  const organisation = referenceIn(role.organization);
  if (organisation === undefined) return 'yes';
  const known = identity.references.filter(({ name }) => name.startsWith('Organization/'));
  if (known.length === 0) return 'unknown';
  return isOneOf(known, organisation) ? 'yes' : 'no';
};

const referenceTruth = (reference: ActorReference, identity: Identity, request: FhirRequest, facts: Facts): Truth => {
  const wanted = reference.reference === undefined ? undefined : fhirReference(reference.reference);
  if (wanted !== undefined) {
    if (isOneOf(identity.references, wanted)) return 'yes';
    const fact = facts.get(wanted.name);
    if (fact === undefined) return wanted.name.startsWith('#') ? 'unknown' : 'no';
    if (fact.resourceType === 'PractitionerRole') return actsAs(fact, identity, request);
    if (membersOf(fact, request.time).some((member) => isOneOf(identity.references, member))) return 'yes';
    return sharesCharacteristics(fact, identity);
  }
  const { identifier } = reference;
  if (identifier === undefined || request.identifiers.length === 0) return 'unknown';
  const same = request.identifiers.some(
    (one) =>
      one.value === identifier.value &&
      (one.system === undefined || identifier.system === undefined || one.system === identifier.system),
  );
  return same ? 'yes' : 'no';
};

/**
 * A permit to nobody in particular is one to the grantees, where R5 names them. The caller is none of them when it is
 * known as something of the same kind and as nothing that is named.
 */
export const isForOthers = (grantees: readonly ActorReference[], identity: Identity): boolean =>
  grantees.length > 0 &&
  grantees.every(({ reference }) => {
    const wanted = reference === undefined ? undefined : fhirReference(reference);
    if (wanted === undefined || isOneOf(identity.references, wanted)) return false;
    return identity.references.some((one) => typeOf(one) === typeOf(wanted));
  });

/** Codes that say how somebody takes part in the consent (value set security-role-type), not what they do for a living. */
const participation: ReadonlySet<string> = new Set([
  ...['PRCP', 'IRCP', 'CST', 'AUT', 'INF', 'TRC', 'LA', 'WIT', 'TRANS', 'REFT', 'REFB', 'AUTHEN', 'NOT', 'GRANTEE'],
  ...['GRANTOR', 'DELEGATEE', 'DELEGATOR', 'CONSENTER', 'CONSWIT', 'COPART', 'PROMSK', 'AUCG', 'AULR', 'AUTM', 'AUWA'],
  ...['CLASSIFIER', 'DECLASSIFIER', 'DOWNGRDER', 'DPOWATT', 'HPOWATT', 'SPOWATT', 'POWATT', 'EXCEST', 'GT', 'GUADLTM'],
  ...[
    'INTPRTER',
    'RESPRSN',
    'AFFL',
    'AGNT',
    'ASSIGNED',
    'CLAIM',
    'COVPTY',
    'DEPEN',
    'ECON',
    'GUARD',
    'INVSBJ',
    'NAMED',
  ],
  ...['NOK', 'datacollector', 'dataprocessor', 'datasubject', 'humanuser', 'authserver'],
]);
const participationSystem = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType';

const isParticipation = ({ system, code }: Code): boolean => system === participationSystem || participation.has(code);

const individual =
  /(?:^|\/)(?:Practitioner|PractitionerRole|Patient|RelatedPerson|Person|Device)\/[^/]+(?:\/_history\/[^/]+)?$/;

/** The codes by which an actor is narrowed beyond its reference: an individual is known without them. */
export const narrowingRoles = ({ role, reference }: RuleActor): readonly Code[] =>
  reference?.reference !== undefined && individual.test(reference.reference)
    ? []
    : (role?.codes ?? []).filter((code) => reference === undefined || !isParticipation(code));

const roleTruth = (codes: readonly Code[], identity: Identity): Truth => {
  if (codes.some((code) => identity.roles.some((role) => sameCode(role, code)))) return 'yes';
  // Only words, or only a part in the consent: whom it means cannot be told from it.
  return codes.length === 0 || codes.every(isParticipation) ? 'unknown' : 'no';
};

/** Actors are alternatives; one that names a role and a reference wants both. No actor at all means anyone. */
export const actorTruth = (
  actors: readonly RuleActor[],
  identity: Identity,
  request: FhirRequest,
  facts: Facts,
): Truth => {
  if (actors.length === 0) return 'yes';
  let best: Truth = 'no';
  for (const actor of actors) {
    const { reference } = actor;
    const byReference = reference === undefined ? 'yes' : referenceTruth(reference, identity, request, facts);
    const codes = narrowingRoles(actor);
    const byRole = reference === undefined || codes.length > 0 ? roleTruth(codes, identity) : 'yes';
    const truth = both(byReference, byRole);
    if (truth === 'yes') return 'yes';
    if (truth === 'unknown') best = 'unknown';
  }
  return best;
};

export const both = (left: Truth, right: Truth): Truth => {
  if (left === 'no' || right === 'no') return 'no';
  return left === 'yes' && right === 'yes' ? 'yes' : 'unknown';
};
