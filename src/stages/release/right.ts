import { decide } from '../../domain/consent/decide.ts';
import type { Bases } from '../../domain/fhir/references.ts';
import { mayReturn } from '../../domain/identity/scope-release.ts';
import type { SubjectKeys } from '../../ports.ts';
import { questionFor } from '../consent.ts';
import { contentReader } from './remembered.ts';
import type { ResourceReleaseParts, ResourceRight } from './resource.ts';

/**
 * Whose is this returned resource, and do all of them let this caller see it? Asked of every resource of every answer,
 * whatever the call said: an include, a chain or a careless upstream may have brought it.
 */
export function resourceRight(bases: Bases, keys: SubjectKeys): ResourceReleaseParts['right'] {
  const contentOf = contentReader(bases);
  return (tape, node, type, part, resolve, name): ResourceRight => {
    if (!mayReturn(part.principal, tape, node, type, part.interaction.kind)) return outside('scope');
    const content = contentOf(tape, node, name, part.classifier, resolve);
    const { subjects } = content;
    const { within } = part;
    const facts =
      within === undefined ? content.facts : { ...content.facts, labels: content.facts.labels | within.labels };
    if (subjects.kind === 'universal') return universal;
    if (subjects.kind === 'unknown')
      return { kind: 'may-not', why: subjects.why, ...(subjects.needs === undefined ? {} : { needs: subjects.needs }) };
    const { patientOnly, principal } = part;
    if (subjects.ids.length === 0) return { kind: 'may-not', why: 'it names nobody who could permit' };
    const grants: string[] = [];
    let basis: string | undefined;
    let deidentify = false;
    for (const patient of subjects.ids) {
      if (patientOnly !== undefined && patient !== patientOnly) return outside('patient');
      const question = questionFor(part.question, patient, principal, keys);
      const decision = decide(part.consentView, question, facts, part.consentPolicy);
      if (decision.effect !== 'permit') return { kind: 'may-not', why: decision.reasons[0]?.text ?? 'no consent' };
      for (const beside of part.reached) {
        const other = decide(part.consentView, question, beside, part.consentPolicy);
        if (other.effect !== 'permit') return { kind: 'may-not', why: 'a criterion looked at what is not open' };
      }
      for (const obligation of decision.obligations) if (obligation.code === 'DEIDENTIFY') deidentify = true;
      grants.push(...decision.proof.grants);
      basis ??= decision.proof.basis;
    }
    return { kind: 'may', patients: subjects.ids, grants, basis, deidentify };
  };
}

const universal: ResourceRight = { kind: 'may', patients: [], grants: [], basis: undefined, deidentify: false };

const outside = (limit: 'scope' | 'patient'): ResourceRight => ({
  kind: 'may-not',
  why: limit === 'scope' ? 'the scopes do not open the resource' : 'the scopes hold for another patient',
});
