import { member, toValue } from '../json/cursor.ts';
import { scan } from '../json/scan.ts';
import { KIND, type Tape } from '../json/tape.ts';
import type { DataClassifier } from './classifier.ts';
import { fhirContent, referencesOf } from './fhir-content.ts';
import { type ConsentDocuments, decideForPatients, type FhirDecision } from './fhir-decide.ts';
import { readRequest } from './fhir-request.ts';
import { type FhirObject, isObject } from './fhir-values.ts';
import { type FhirReference, fhirReference } from './reference.ts';
import { resourceSpan } from './resource-dates.ts';

export type Answered =
  | { readonly ok: true; readonly decision: FhirDecision }
  | { readonly ok: false; readonly fault: string };

/** Every patient that a resource names; a Patient names itself. */
const patientsOf = (resource: FhirObject): readonly FhirReference[] => {
  const found = referencesOf(resource)
    .map(({ reference }) => reference)
    .filter(({ name }) => name.startsWith('Patient/'));
  const self =
    resource.resourceType === 'Patient' && typeof resource.id === 'string'
      ? fhirReference(`Patient/${resource.id}`)
      : undefined;
  const all = self === undefined ? found : [self, ...found];
  return all.filter((one, index) => all.findIndex((other) => other.name === one.name) === index);
};

const joint = (decisions: readonly FhirDecision[]): FhirDecision | undefined =>
  decisions.find((one) => one.decision === 'deny') ??
  decisions.find((one) => one.decision === 'no-consent') ??
  decisions[0];

const answer = (
  documents: ConsentDocuments,
  tape: Tape,
  node: number,
  classifier: DataClassifier,
  now: number,
): Answered => {
  const reading = readRequest(toValue(tape, node), now);
  if (!reading.ok) return reading;
  const { request, resource } = reading;
  if (resource === undefined) {
    return { ok: true, decision: decideForPatients(documents, request, [], undefined) };
  }
  const one = (resourceTape: Tape, at: number): FhirDecision => {
    const value = toValue(resourceTape, at);
    const content = isObject(value) ? value : {};
    const facts = classifier.classify(resourceTape, at);
    const span = resourceSpan(resourceTape, at);
    return decideForPatients(
      documents,
      request,
      patientsOf(content),
      fhirContent({ resource: content, facts, span, known: documents.known }),
    );
  };
  const resourceNode = member(tape, node, 'resource');
  if (tape.kind[resourceNode] === KIND.string || member(tape, resourceNode, 'resourceType') < 0) {
    const named = scan(new TextEncoder().encode(JSON.stringify(resource)));
    return named.ok ? { ok: true, decision: one(named.tape, 0) } : { ok: false, fault: 'The resource cannot be read.' };
  }
  if (resource.resourceType !== 'Bundle') return { ok: true, decision: one(tape, resourceNode) };
  // A Bundle leaves whole only when each of its resources may.
  const decisions: FhirDecision[] = [];
  const entries = member(tape, resourceNode, 'entry');
  if (entries >= 0 && tape.kind[entries] === KIND.array) {
    for (let entry = entries + 1; entry < (tape.next[entries] as number); entry = tape.next[entry] as number) {
      const inner = member(tape, entry, 'resource');
      if (inner >= 0) decisions.push(one(tape, inner));
    }
  }
  return { ok: true, decision: joint(decisions) ?? one(tape, resourceNode) };
};

/** Answers a request file: one request, or an array of them (then one answer each, in order). */
export const answerRequests = (
  documents: ConsentDocuments,
  bytes: Uint8Array,
  classifier: DataClassifier,
  now: number,
): { readonly many: boolean; readonly answers: readonly Answered[] } => {
  const scanned = scan(bytes);
  if (!scanned.ok) {
    const fault = `The request is not JSON that can be read without loss (${scanned.fault.code} at byte ${scanned.fault.offset}).`;
    return { many: false, answers: [{ ok: false, fault }] };
  }
  const { tape } = scanned;
  if (tape.kind[0] !== KIND.array) return { many: false, answers: [answer(documents, tape, 0, classifier, now)] };
  const answers: Answered[] = [];
  for (let at = 1; at < (tape.next[0] as number); at = tape.next[at] as number) {
    answers.push(answer(documents, tape, at, classifier, now));
  }
  return { many: true, answers };
};
