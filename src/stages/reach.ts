import { sensitiveLabels } from '../domain/consent/bits.ts';
import type { DataClassifier } from '../domain/consent/classifier.ts';
import type { ResourceFacts } from '../domain/consent/match.ts';
import { ownershipOf, searchSubjects } from '../domain/fhir/compartment.ts';
import type { FhirInteraction, ResourceType } from '../domain/fhir/interaction.ts';
import type { SearchCriterion, SearchQuery } from '../domain/fhir/search.ts';
import { searchName } from '../domain/fhir/search-name.ts';
import { splitAt, tokenParts } from '../domain/fhir/search-value.ts';
import { type Problem, problem } from '../domain/problem.ts';

/**
 * What the chains and reverse chains of a query look at, as the consent of the patients in the answer must open it: else
 * `Patient?_has:Condition:patient:code=x` would tell a diagnosis to who may see no more than a name. Refused are those
 * that lead from what belongs to nobody into records (which practitioner has seen a given patient?), because the answer
 * names no patient who could be asked.
 */
export function reachOf(interaction: FhirInteraction, classifier: DataClassifier): readonly ResourceFacts[] | Problem {
  const query = queryOf(interaction);
  if (query === undefined) return none;
  const type = 'type' in interaction ? interaction.type : undefined;
  let facts: ResourceFacts[] | undefined;
  for (const criterion of query.criteria) {
    if (criterion.chain.length === 0 && criterion.has.length === 0) continue;
    const reached = reachedBy(type, criterion);
    if (reached === undefined) return problem('consent-not-granted', { expression: [criterion.name] });
    facts ??= [];
    for (const each of reached) facts.push(factsOf(each, criterion, classifier));
  }
  return facts ?? none;
}

const none: readonly ResourceFacts[] = [];

function queryOf(interaction: FhirInteraction): SearchQuery | undefined {
  return interaction.kind === 'search' || interaction.kind === 'operation' ? interaction.query : undefined;
}

/** The types of records that the criterion looks at beside the type searched; undefined when nobody could be asked. */
function reachedBy(type: ResourceType | undefined, criterion: SearchCriterion): ReadonlySet<ResourceType> | undefined {
  const found = type === undefined ? undefined : searchName([type], criterion.name);
  if (type === undefined || found === undefined) return undefined;
  const reached = new Set<ResourceType>();
  // The first step of a chain is an element of what is returned; that of a reverse chain is not.
  found.targets.forEach((target, at) => {
    if ((at > 0 || criterion.has.length > 0) && holdsRecords(target.type)) reached.add(target.type);
  });
  if (reached.size > 0 && !isOwned(type)) return undefined;
  for (const hop of criterion.has) {
    // A record of one patient that points at another in passing, or a group of many: whose it is nobody can say here.
    if (type === 'Patient' && hop === criterion.has[0] && holdsRecords(hop.type) && !ownsBy(hop.type, hop.reference))
      return undefined;
    if (hop.type === 'Group' && searchSubjects(hop.type).some(({ code }) => code === criterion.code)) return undefined;
  }
  return reached;
}

const isOwned = (type: ResourceType): boolean => ['owned', 'patient'].includes(ownershipOf(type).rule);

/** True of types whose resources are somebody's record; groups and devices are so only when they name a patient. */
const holdsRecords = (type: ResourceType): boolean => ownershipOf(type).rule !== 'universal';

const ownsBy = (type: ResourceType, code: string): boolean =>
  searchSubjects(type).some((parameter) => parameter.code === code && parameter.role === 'owner');

/** As broad as what may be there: any class of the type, and any label that its codes do not rule out. */
function factsOf(type: ResourceType, criterion: SearchCriterion, classifier: DataClassifier): ResourceFacts {
  const classes = classifier.possible(type);
  return { classes, labels: type === 'Patient' ? 0 : labelsOf(criterion, classifier) };
}

const systems = [
  'http://loinc.org',
  'http://snomed.info/sct',
  'http://hl7.org/fhir/sid/icd-10-cm',
  'http://hl7.org/fhir/sid/icd-10',
  'http://hl7.org/fhir/sid/icd-9-cm',
  'http://www.nlm.nih.gov/research/umls/rxnorm',
  'http://hl7.org/fhir/sid/ndc',
  'http://hl7.org/fhir/sid/cvx',
] as const;

function labelsOf(criterion: SearchCriterion, classifier: DataClassifier): number {
  const last = criterion.chain.at(-1);
  const [code, modifier] = last === undefined ? [criterion.code, criterion.modifier] : [last.code, last.modifier];
  if (code !== 'code' || modifier !== undefined) return sensitiveLabels;
  let labels = 0;
  for (const value of splitAt(criterion.value, ',')) {
    const token = tokenParts(value);
    if (token.code === '') return sensitiveLabels;
    const named = token.system === undefined || token.system === '' ? systems : [token.system];
    for (const system of named) for (const hit of classifier.sets(system, token.code)) labels |= hit.labels;
  }
  return labels;
}
