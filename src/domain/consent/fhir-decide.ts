import type { Reason } from '../reason.ts';
import { type Facts, identityOf, isForOthers, isReadableFact } from './fhir-actor.ts';
import { type ConsentStatement, readConsent } from './fhir-consent.ts';
import type { FhirContent } from './fhir-content.ts';
import { contentTruth, contextTruth, type FhirQuestion, hasContent, misfit } from './fhir-match.ts';
import type { FhirRequest } from './fhir-request.ts';
import type { ConsentRule, Effect } from './fhir-rule.ts';
import { type Code, type FhirObject, isObject } from './fhir-values.ts';
import { type FhirReference, fhirReference, sameReference } from './reference.ts';

/** What a permit asks of whoever releases data: leave out what a narrower rule refuses. */
export interface FhirObligation {
  readonly id: { readonly system: string; readonly code: 'REDACT' };
  /** All of these narrow: what carries every one of them is to be left out. */
  readonly parameters: {
    readonly labels?: readonly Code[];
    readonly classes?: readonly Code[];
    readonly codes?: readonly Code[];
    readonly dataPeriod?: { readonly start?: string; readonly end?: string };
    readonly references?: readonly string[];
  };
  /** The rule it comes from. */
  readonly rule: string;
}

export interface FhirDecision {
  readonly decision: 'permit' | 'deny' | 'no-consent';
  readonly obligations: readonly FhirObligation[];
  readonly reasons: readonly Reason[];
}

/** Consents as found, and the other resources at hand. `faults` counts parts of the input that cannot be read. */
export interface ConsentDocuments {
  readonly consents: readonly FhirObject[];
  readonly known: Facts;
  readonly faults: number;
}

interface Outcome {
  readonly effect: Effect | undefined;
  readonly rule: ConsentRule;
}

/**
 * A rule decides where it fits, and its exceptions decide within it; among exceptions that fit a deny wins. What cannot
 * be told counts for a deny and against a permit.
 */
const outcomeOf = (rule: ConsentRule, question: FhirQuestion): Outcome | undefined => {
  const context = contextTruth(rule, question);
  const content = contentTruth(rule, question);
  if (context === 'no' || content === 'no') return undefined;
  if (rule.effect !== 'deny' && (context !== 'yes' || content !== 'yes')) return undefined;
  // Without a resource a refusal of some data is an obligation, not a refusal of all.
  if (rule.effect === 'deny' && question.content === undefined && hasContent(rule)) return undefined;
  const within = rule.exceptions.map((one) => outcomeOf(one, question)).filter((one) => one !== undefined);
  return (
    within.find((one) => one.effect === 'deny') ??
    within.find((one) => one.effect === 'permit') ?? { effect: rule.effect, rule }
  );
};

const actCode = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';

const isoOf = (time: number): string | undefined => (Number.isFinite(time) ? new Date(time).toISOString() : undefined);

const obligationOf = (rule: ConsentRule, statement: ConsentStatement): FhirObligation => {
  const codes = (concepts: ConsentRule['labels']): readonly Code[] => concepts.flatMap((one) => one.codes);
  const start = rule.dataPeriod === undefined ? undefined : isoOf(rule.dataPeriod.from);
  const end = rule.dataPeriod === undefined ? undefined : isoOf(rule.dataPeriod.until);
  const classes = [...codes(rule.classes), ...codes(rule.types)];
  return {
    id: { system: actCode, code: 'REDACT' },
    parameters: {
      ...(rule.labels.length === 0 ? {} : { labels: codes(rule.labels) }),
      ...(classes.length === 0 ? {} : { classes }),
      ...(rule.codes.length === 0 ? {} : { codes: codes(rule.codes) }),
      ...(rule.dataPeriod === undefined
        ? {}
        : { dataPeriod: { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) } }),
      ...(rule.data.length === 0
        ? {}
        : { references: rule.data.flatMap(({ reference }) => reference.reference ?? []) }),
    },
    rule: `${statement.id}#${rule.path}`,
  };
};

/** The refusals of some data that stand for this caller and purpose, though not for the resource as a whole. */
const obligationsOf = (
  rule: ConsentRule,
  question: FhirQuestion,
  statement: ConsentStatement,
): readonly FhirObligation[] => {
  const context = contextTruth(rule, question);
  if (context === 'no') return [];
  if (rule.effect === 'deny' && hasContent(rule)) return [obligationOf(rule, statement)];
  // A permit that does not speak of this resource refuses nothing of it either.
  if (rule.effect === 'permit' && contentTruth(rule, question) === 'no') return [];
  return rule.exceptions.flatMap((one) => obligationsOf(one, question, statement));
};

/** In the order of the tests: the later one fails, the closer the consent came. */
const reasonTexts: Readonly<Record<string, string>> = {
  later: 'The consent was given later.',
  'not-yet': 'The consent is not in force yet.',
  expired: 'The consent is no longer in force.',
  actor: 'The consent does not name this caller.',
  purpose: 'The consent does not speak of this purpose of use.',
  action: 'The consent does not speak of this action.',
  data: 'The consent does not cover this data.',
  base: 'The consent does not say what holds in general.',
  unverified: 'The consent is marked as not verified.',
};
const closeness = Object.keys(reasonTexts);

type Vote = FhirDecision['decision'];

interface Ballot {
  readonly vote: Vote;
  /** How close a silent consent came. */
  readonly rank?: number;
  readonly reason: Reason;
  readonly obligations: readonly FhirObligation[];
}

const silence = (id: string, path: string, why: string): Ballot => ({
  vote: 'no-consent',
  rank: closeness.indexOf(why),
  reason: { rule: `${id}#${path}:${why}`, text: reasonTexts[why] ?? '' },
  obligations: [],
});

const voteOf = (statement: ConsentStatement, question: FhirQuestion): Ballot => {
  const { root, given, id } = statement;
  if (given !== undefined && given.from > question.request.time) return silence(id, 'dateTime', 'later');
  const outcome = outcomeOf(root, question);
  if (outcome === undefined) return silence(id, root.path, misfit(root, question));
  const rule = `${id}#${outcome.rule.path}`;
  if (outcome.effect === 'permit') {
    if (!statement.verified) return silence(id, 'verification', 'unverified');
    if (outcome.rule.actors.length === 0 && isForOthers(statement.grantees, question.identity)) {
      return silence(id, 'grantee', 'actor');
    }
    const reason = { rule, text: 'The patient permits this access.' };
    return { vote: 'permit', reason, obligations: obligationsOf(root, question, statement) };
  }
  if (outcome.effect === 'deny') return refusal(rule, 'The patient refuses this access.');
  // Exceptions without a base say nothing beyond themselves; a consent with neither cannot be understood.
  if (root.exceptions.length > 0) return silence(id, root.path, 'base');
  return refusal(rule, 'It cannot be told what the patient decided.');
};

const refusal = (rule: string, text: string): Ballot => ({ vote: 'deny', reason: { rule, text }, obligations: [] });

type Whose = 'this patient' | 'another' | 'unknown';

/** Inside a Bundle a patient may go by its fullUrl. */
const resolved = (reference: FhirReference, known: Facts): FhirReference => {
  const resource = reference.name.startsWith('urn:') ? known.get(reference.name) : undefined;
  return resource?.resourceType === 'Patient' && typeof resource.id === 'string'
    ? { name: `Patient/${resource.id}` }
    : reference;
};

const whose = (consent: FhirObject, patient: FhirReference, known: Facts): Whose => {
  const references = [consent.patient, consent.subject]
    .filter((one) => one !== undefined)
    .map((one) => (isObject(one) && typeof one.reference === 'string' ? fhirReference(one.reference) : undefined));
  const mine = resolved(patient, known);
  const matches = references.map((one) => one !== undefined && sameReference(resolved(one, known), mine));
  if (matches.length === 0) return 'unknown';
  if (matches.every((one) => one)) return 'this patient';
  // A Group may hold this patient, and two subjects that differ contradict each other.
  const other = references.every((one) => one !== undefined && /^(Patient|Practitioner)\/|^urn:/.test(one.name));
  return other && !matches.includes(true) ? 'another' : 'unknown';
};

const combine = (ballots: readonly Ballot[]): FhirDecision => {
  const of = (vote: Vote): readonly Ballot[] => ballots.filter((one) => one.vote === vote);
  const denies = of('deny');
  if (denies.length > 0) return { decision: 'deny', obligations: [], reasons: denies.map((one) => one.reason) };
  const permits = of('permit');
  if (permits.length > 0) {
    return {
      decision: 'permit',
      obligations: permits.flatMap((one) => one.obligations),
      reasons: permits.map((one) => one.reason),
    };
  }
  const silent = of('no-consent')
    .toSorted((left, right) => (right.rank ?? 0) - (left.rank ?? 0))
    .map((one) => one.reason);
  return {
    decision: 'no-consent',
    obligations: [],
    reasons: silent.length > 0 ? silent : [{ rule: 'no-consent', text: 'There is no active consent of this patient.' }],
  };
};

/** Of several versions of one Consent only the newest speaks: a withdrawn version must not outlive its withdrawal. */
const newestVersions = (consents: readonly FhirObject[]): readonly FhirObject[] => {
  const newest = new Map<string, FhirObject>();
  const rest: FhirObject[] = [];
  for (const consent of consents) {
    const id = consent.id;
    if (typeof id !== 'string' || versionOf(consent) === undefined) {
      rest.push(consent);
      continue;
    }
    const other = newest.get(id);
    if (other === undefined) newest.set(id, consent);
    else if (isNewer(consent, other)) newest.set(id, consent);
    else if (!isNewer(other, consent)) rest.push(consent);
  }
  return [...newest.values(), ...rest];
};

const versionOf = (consent: FhirObject): { readonly number: number; readonly updated: number } | undefined => {
  const meta = consent.meta;
  if (!isObject(meta)) return undefined;
  const number =
    typeof meta.versionId === 'string' && /^\d+$/.test(meta.versionId) ? Number(meta.versionId) : Number.NaN;
  const updated = typeof meta.lastUpdated === 'string' ? Date.parse(meta.lastUpdated) : Number.NaN;
  return Number.isNaN(number) && Number.isNaN(updated) ? undefined : { number, updated };
};

const isNewer = (left: FhirObject, right: FhirObject): boolean => {
  const a = versionOf(left);
  const b = versionOf(right);
  if (a === undefined || b === undefined) return false;
  return Number.isNaN(a.number) || Number.isNaN(b.number) ? a.updated > b.updated : a.number > b.number;
};

/** What the patient's Consents say to a request. Consents of other patients are left aside; an unreadable one denies. */
export const decideForPatient = (
  documents: ConsentDocuments,
  request: FhirRequest,
  patient: FhirReference,
  content: FhirContent | undefined,
): FhirDecision => {
  const { known } = documents;
  const ballots: Ballot[] = [];
  if (documents.faults > 0) {
    ballots.push(refusal('input', 'Part of the consents cannot be read, so it cannot be known what it says.'));
  }
  for (const consent of newestVersions(documents.consents)) {
    const owner = whose(consent, patient, known);
    if (owner === 'another') continue;
    const reading = readConsent(consent);
    if (reading.kind === 'void') continue;
    const id = typeof consent.id === 'string' ? `Consent/${consent.id}` : 'Consent';
    if (owner === 'unknown') {
      ballots.push(refusal(`${id}#patient`, 'It cannot be told whose consent this is.'));
    } else if (reading.kind === 'unreadable') {
      const paths = reading.faults.slice(0, 5).join(', ');
      ballots.push(refusal(id, `The consent cannot be understood: ${paths}.`));
    } else if (![...reading.statement.contained.values()].every(isReadableFact)) {
      ballots.push(refusal(`${id}#contained`, 'The consent cannot be understood: contained.'));
    } else {
      const facts: Facts =
        reading.statement.contained.size === 0 ? known : new Map([...known, ...reading.statement.contained]);
      const identity = identityOf(request, facts);
      ballots.push(voteOf(reading.statement, { request, identity, facts, content }));
    }
  }
  return combine(ballots);
};

/** Every patient that the call or the resource names must permit: the first deny is the answer, then the first silence. */
export const decideForPatients = (
  documents: ConsentDocuments,
  request: FhirRequest,
  others: readonly FhirReference[],
  content: FhirContent | undefined,
): FhirDecision => {
  const patients = [request.patient, ...others.filter((one) => !sameReference(one, request.patient))];
  const decisions = patients.map((patient) => decideForPatient(documents, request, patient, content));
  const worst =
    decisions.find((one) => one.decision === 'deny') ?? decisions.find((one) => one.decision === 'no-consent');
  if (worst !== undefined) return worst;
  return {
    decision: 'permit',
    obligations: decisions.flatMap((one) => one.obligations),
    reasons: decisions.flatMap((one) => one.reasons),
  };
};
