import { actorTruth, both, type Facts, type Identity, type Truth } from './fhir-actor.ts';
import type { FhirContent } from './fhir-content.ts';
import type { FhirRequest } from './fhir-request.ts';
import type { ConsentRule } from './fhir-rule.ts';
import type { Code, Concept } from './fhir-values.ts';
import { coversPurpose } from './purpose.ts';

/** All that a rule is tested against. `content` is absent when the question names no resource. */
export interface FhirQuestion {
  readonly request: FhirRequest;
  readonly identity: Identity;
  readonly facts: Facts;
  readonly content: FhirContent | undefined;
}

export const all = (...truths: readonly Truth[]): Truth => truths.reduce(both, 'yes');

const any = (truths: readonly Truth[]): Truth => {
  if (truths.includes('yes')) return 'yes';
  return truths.includes('unknown') ? 'unknown' : 'no';
};

/** Concepts are alternatives, and so are the codings of one; a concept in words only cannot be told. */
const anyConcept = (concepts: readonly Concept[], test: (code: Code) => Truth): Truth =>
  concepts.length === 0
    ? 'yes'
    : any(concepts.map(({ codes }) => (codes.length === 0 ? 'unknown' : any(codes.map(test)))));

/** What each code of an action covers, of the codes a request may use (consentaction, restful-interaction, DataOperation). */
const covers: Readonly<Record<string, readonly string[]>> = {
  access: ['access', 'read', 'vread', 'search', 'search-type', 'history', 'history-instance', 'view', 'operation'],
  read: ['read', 'vread', 'access', 'view'],
  vread: ['vread'],
  search: ['search', 'search-type'],
  'search-type': ['search', 'search-type'],
  history: ['history', 'history-instance', 'vread'],
  collect: ['collect', 'create'],
  create: ['create', 'collect'],
  append: ['append', 'create'],
  use: ['use'],
  disclose: ['disclose', 'export', 'share'],
  export: ['export', 'disclose'],
  correct: ['correct', 'update', 'patch'],
  update: ['update', 'patch', 'correct'],
  patch: ['patch', 'update'],
  delete: ['delete'],
  operation: ['operation'],
  execute: ['execute', 'operation'],
};

const verbs: ReadonlySet<string> = new Set([...Object.keys(covers), ...Object.values(covers).flat()]);

const actionTruth = (stated: string, asked: string | undefined): Truth => {
  if (asked === undefined) return 'unknown';
  const code = stated.toLowerCase();
  const verb = asked.toLowerCase();
  if (code === verb) return 'yes';
  const covered = covers[code];
  // An action that is not known here, on either side, might be the other one.
  if (covered === undefined || !verbs.has(verb)) return 'unknown';
  return covered.includes(verb) ? 'yes' : 'no';
};

const isActReason = (system: string): boolean => /ActReason$|^urn:oid:2\.16\.840\.1\.113883\.5\.8$/.test(system);

/** ActReason has had several URLs over the releases of FHIR. */
const isForeign = (left: string | undefined, right: string | undefined): boolean =>
  left !== undefined && right !== undefined && left !== right && !(isActReason(left) && isActReason(right));

/** Of several purposes asked for, a permit must cover each and a deny touches any. */
const purposeTruth = (rule: ConsentRule, asked: readonly Code[]): Truth => {
  if (rule.purposes.length === 0) return 'yes';
  if (asked.length === 0) return 'unknown';
  const truths = asked.map((purpose) =>
    anyConcept(rule.purposes, (stated) => {
      return !isForeign(stated.system, purpose.system) && coversPurpose(stated.code, purpose.code) ? 'yes' : 'no';
    }),
  );
  return rule.effect === 'deny' ? any(truths) : all(...truths);
};

/** Who, why, how and when: told by the request alone. */
export const contextTruth = (rule: ConsentRule, question: FhirQuestion): Truth => {
  const { request, identity, facts } = question;
  const { period } = rule;
  if (period !== undefined && (request.time < period.from || request.time >= period.until)) return 'no';
  return all(
    actorTruth(rule.actors, identity, request, facts),
    purposeTruth(rule, request.purposes),
    anyConcept(rule.actions, ({ code }) => actionTruth(code, request.action)),
  );
};

/** What data: told by the resource. */
export const contentTruth = (rule: ConsentRule, question: FhirQuestion): Truth => {
  const { content } = question;
  if (!hasContent(rule)) return 'yes';
  if (content === undefined) return 'unknown';
  const { effect } = rule;
  return all(
    anyConcept(rule.types, (code) => content.isType(code)),
    anyConcept(rule.classes, (code) => content.isClass(code)),
    anyConcept(rule.codes, (code) => content.hasCode(code)),
    anyConcept(rule.labels, (code) => content.hasLabel(code, effect)),
    rule.dataPeriod === undefined ? 'yes' : content.isWithin(rule.dataPeriod, effect),
    rule.data.length === 0 ? 'yes' : any(rule.data.map((data) => content.isData(data))),
    rule.expression ? 'unknown' : 'yes',
  );
};

export const hasContent = (rule: ConsentRule): boolean =>
  rule.types.length + rule.classes.length + rule.codes.length + rule.labels.length + rule.data.length > 0 ||
  rule.dataPeriod !== undefined ||
  rule.expression;

/** Words for the first thing by which a rule does not fit, for reasons. */
export const misfit = (rule: ConsentRule, question: FhirQuestion): string => {
  const { request, identity, facts } = question;
  const { period } = rule;
  if (period !== undefined && request.time < period.from) return 'not-yet';
  if (period !== undefined && request.time >= period.until) return 'expired';
  if (actorTruth(rule.actors, identity, request, facts) !== 'yes') return 'actor';
  if (purposeTruth(rule, request.purposes) !== 'yes') return 'purpose';
  if (contextTruth(rule, question) !== 'yes') return 'action';
  return 'data';
};
