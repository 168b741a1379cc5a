import { patientCompartment } from './generated/compartment.ts';
import { resourceTypes } from './generated/resource-types.ts';
import type { ResourceType } from './interaction.ts';
import { searchParameter, searchParametersOf } from './search-parameters.ts';

/** How the resources of one type belong to patients. Paths are JSON paths from the resource, through arrays. */
export interface Ownership {
  /**
   * - `owned`: it belongs to those its owner paths name; naming none, it is withheld.
   * - `universal`: it belongs to nobody unless it names a patient.
   * - `patient`: the Patient itself.
   * - `container`: a Bundle or Parameters, judged by what it holds.
   * - `withheld`: it can speak of patients without naming them in a way that can be judged.
   */
  readonly rule: 'owned' | 'universal' | 'patient' | 'container' | 'withheld';
  /** What these paths refer to must be understood: a group, a logical identifier or another server's patient withholds. */
  readonly owners: readonly string[];
  /** R4's other compartment paths: a patient here owns too, anything else is passed over. */
  readonly named: readonly string[];
  /**
   * Where no patient is named, the resource belongs to the owners of what these refer to, and all of it must be known.
   * Where one is, the owners of what is at hand are added.
   */
  readonly via: readonly string[];
}

type Row = Partial<Omit<Ownership, 'named'>>;

const each = (types: string, row: Row): readonly (readonly [string, Row])[] =>
  types.split(/\s+/).map((type) => [type, row] as const);

// Every type of R4 stands here once; a test holds the table against the definitions.
const rows: ReadonlyMap<string, Row> = new Map([
  ...each('Patient', { rule: 'patient', owners: ['link.other'] }),
  ...each('Bundle Parameters', { rule: 'container' }),

  ...each(
    `Account AdverseEvent CarePlan CareTeam ChargeItem ClinicalImpression Condition Contract DeviceRequest
    DeviceUseStatement DiagnosticReport DocumentReference Encounter Flag Goal GuidanceResponse ImagingStudy Invoice
    Media MedicationAdministration MedicationDispense MedicationRequest MedicationStatement Observation Procedure
    QuestionnaireResponse RequestGroup RiskAssessment ServiceRequest Specimen`,
    { owners: ['subject'] },
  ),
  ...each(
    `AllergyIntolerance BodyStructure Claim ClaimResponse Consent CoverageEligibilityRequest
    CoverageEligibilityResponse EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Immunization
    ImmunizationEvaluation ImmunizationRecommendation MolecularSequence NutritionOrder RelatedPerson SupplyDelivery
    VisionPrescription`,
    { owners: ['patient'] },
  ),
  ...each('Coverage', { owners: ['beneficiary'] }),
  ...each('EnrollmentRequest', { owners: ['candidate'] }),
  ...each('ResearchSubject', { owners: ['individual'] }),
  ...each('SupplyRequest', { owners: ['deliverTo'] }),
  ...each('Person', { owners: ['link.target'] }),
  ...each('BiologicallyDerivedProduct', { owners: ['collection.source'] }),

  // The subject may be left out, and then what the resource is about tells whose it is.
  ...each('Basic Composition', { owners: ['subject'] }),
  ...each('Communication CommunicationRequest', { owners: ['subject'], via: ['about'] }),
  ...each('DetectedIssue', { owners: ['patient'], via: ['implicated'] }),
  ...each('DocumentManifest', { owners: ['subject'], via: ['content'] }),
  ...each('List', { owners: ['subject'], via: ['entry.item'] }),
  ...each('Task', { owners: ['for'], via: ['focus'] }),
  ...each('AppointmentResponse', { via: ['appointment'] }),
  ...each('Appointment', { owners: ['participant.actor'] }),

  // No subject at all in R4: only what they point at tells.
  ...each('AuditEvent', { via: ['entity.what'] }),
  ...each('Binary', { via: ['securityContext'] }),
  ...each('Provenance', { via: ['target'] }),
  ...each('Linkage', { via: ['item.resource'] }),
  ...each('MessageHeader', { via: ['focus'] }),
  ...each('DeviceMetric', { via: ['source', 'parent'] }),
  ...each('EnrollmentResponse', { via: ['request'] }),
  ...each('PaymentNotice', { via: ['request', 'response'] }),
  ...each('PaymentReconciliation', { via: ['request', 'detail.request', 'detail.response'] }),
  ...each('VerificationResult', { via: ['target'] }),

  // About somebody when they say so, else of the house: stock devices, groups by characteristic, schedules of rooms and
  // staff, aggregated measures.
  ...each('Device', { rule: 'universal', owners: ['patient'] }),
  ...each('Group', { rule: 'universal', owners: ['member.entity'] }),
  ...each('Schedule', { rule: 'universal', owners: ['actor'] }),
  ...each('MeasureReport', {
    rule: 'universal',
    owners: ['subject'],
    via: ['group.population.subjectResults', 'group.stratifier.stratum.population.subjectResults', 'evaluatedResource'],
  }),

  ...each(
    `ActivityDefinition CapabilityStatement CatalogEntry ChargeItemDefinition CodeSystem CompartmentDefinition
    ConceptMap DeviceDefinition EffectEvidenceSynthesis Endpoint EventDefinition Evidence EvidenceVariable
    ExampleScenario GraphDefinition HealthcareService ImplementationGuide InsurancePlan Library Location Measure
    Medication MedicationKnowledge MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
    MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured
    MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition
    NamingSystem ObservationDefinition OperationDefinition OperationOutcome Organization OrganizationAffiliation
    PlanDefinition Practitioner PractitionerRole Questionnaire ResearchDefinition ResearchElementDefinition
    ResearchStudy RiskEvidenceSynthesis SearchParameter Slot SpecimenDefinition StructureDefinition StructureMap
    Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
    SubstanceSourceMaterial SubstanceSpecification TerminologyCapabilities TestReport TestScript ValueSet`,
    { rule: 'universal' },
  ),

  // Criteria and channel headers can hold identifiers and secrets, and notifications leave past the gateway.
  // SubscriptionStatus is of R4B; the definitions carry it along.
  ...each('Subscription SubscriptionStatus', { rule: 'withheld' }),
]);

/** Where the compartment of R4 holds the same path under a search parameter that narrows it: `subject>Patient`. */
const plainPath = (path: string): string => path.replace(/[>[].*$/, '');

const pathsOf = (type: ResourceType, code: string): readonly string[] =>
  (searchParameter(type, code)?.paths ?? []).map(plainPath);

const codesOf = (type: string): readonly string[] =>
  (patientCompartment[type] ?? '').split(' ').filter((code) => code !== '');

const WITHHELD: Ownership = { rule: 'withheld', owners: [], named: [], via: [] };

const table: ReadonlyMap<string, Ownership> = new Map(
  (resourceTypes as readonly string[] as readonly ResourceType[]).map((type) => {
    const row = rows.get(type);
    if (row === undefined) return [type, WITHHELD] as const;
    const owners = row.owners ?? [];
    const named = new Set(
      codesOf(type)
        .flatMap((code) => pathsOf(type, code))
        .filter((path) => !owners.includes(path)),
    );
    return [type, { rule: row.rule ?? 'owned', owners, named: [...named], via: row.via ?? [] }] as const;
  }),
);

/** The types that stand in the table; the rest are withheld. */
export const classedTypes: ReadonlySet<string> = new Set(rows.keys());

/** How resources of the type belong to patients. A type that R4 does not know is withheld. */
export const ownershipOf = (type: string): Ownership => table.get(type) ?? WITHHELD;

/** A search parameter through which a query names patients. */
export interface SubjectParameter {
  readonly code: string;
  /** `owner`: it bounds the answer to that patient's resources. `named`: the answer may belong to others as well. */
  readonly role: 'owner' | 'named';
  /** True when a bare id can only be a Patient's: no other type is a target. */
  readonly patientOnly: boolean;
}

const parametersOf = (type: ResourceType): readonly SubjectParameter[] => {
  const { owners, rule } = ownershipOf(type);
  const found: SubjectParameter[] = [];
  for (const parameter of searchParametersOf(type)) {
    if (parameter.kind !== 'reference' || parameter.paths.length === 0) continue;
    const open = parameter.targets.length === 0;
    if (!open && !(parameter.targets as readonly string[]).includes('Patient')) continue;
    const patientOnly = !open && parameter.targets.length === 1;
    const owns = rule !== 'patient' && parameter.paths.every((path) => owners.includes(plainPath(path)));
    found.push({ code: parameter.code, role: owns ? 'owner' : 'named', patientOnly });
  }
  return found;
};

const parameters = new Map<ResourceType, readonly SubjectParameter[]>();

/**
 * The search parameters of a type whose value can name a patient: `patient`, `subject`, `beneficiary`, `performer`.
 * Of Patient itself `_id` names one too; it is no reference and not in this list.
 */
export const searchSubjects = (type: ResourceType): readonly SubjectParameter[] => {
  const known = parameters.get(type);
  if (known !== undefined) return known;
  const found = parametersOf(type);
  parameters.set(type, found);
  return found;
};
