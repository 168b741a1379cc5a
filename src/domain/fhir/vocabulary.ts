import { canonicalSource } from './generated/elements.ts';
import { resourceTypes } from './schema.ts';

/** Code systems and profiles outside HL7's own definitions that every sender means the same by. */
const others = [
  'http://loinc.org',
  'http://snomed.info/sct',
  'http://www.nlm.nih.gov/research/umls/rxnorm',
  'http://unitsofmeasure.org',
  'http://www.ama-assn.org/go/cpt',
  'http://www.whocc.no/atc',
  'http://fdasis.nlm.nih.gov',
  'http://ncimeta.nci.nih.gov',
  'http://www.nlm.nih.gov/research/umls/hcpcs',
  'http://nucc.org/provider-taxonomy',
  'http://dicom.nema.org/resources/ontology/DCM',
  'http://www.genenames.org',
  'http://www.orpha.net',
  'http://varnomen.hgvs.org',
  'http://id.who.int/icd/release/11/mms',
  'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets',
  'https://www.nubc.org/CodeSystem/PriorityTypeOfAdmitOrVisit',
  'urn:iso:std:iso:3166',
  'urn:iso:std:iso:3166:-2',
  'urn:iso:std:iso:4217',
  'urn:iso:std:iso:11073:10101',
  'urn:ietf:bcp:13',
  'urn:ietf:bcp:47',
  'urn:ietf:rfc:3986',
  'urn:dicom:uid',
  'http://hl7.org/fhir/sid/cvx',
  'http://hl7.org/fhir/sid/mvx',
  'http://hl7.org/fhir/sid/ndc',
  'http://hl7.org/fhir/sid/icd-9-cm',
  'http://hl7.org/fhir/sid/icd-9-cm/diagnosis',
  'http://hl7.org/fhir/sid/icd-9-cm/procedure',
  'http://hl7.org/fhir/sid/icd-10',
  'http://hl7.org/fhir/sid/icd-10-cm',
  'http://hl7.org/fhir/sid/icd-10-procedures',
  'http://www.cms.gov/Medicare/Coding/ICD10',
  'http://hl7.org/fhir/sid/us-ssn',
  'http://hl7.org/fhir/sid/us-npi',
  'http://hl7.org/fhir/sid/us-mbi',
  'http://hl7.org/fhir/sid/us-medicare',
];

/** OIDs under which HL7 and the standards bodies register code systems, and DICOM its UIDs. */
const oid =
  /^(?:urn:oid:)?(?:2\.16\.840\.1\.113883\.(?:3\.88\.12\.80|3\.26\.1\.1|5|6|12|18)(?:\.\d{1,6}){1,2}|1\.2\.840\.10008(?:\.\d{1,4}){2,8})$/;
/** US Core and its kin: a closed set of names, but one that grows each year. */
const usCore =
  /^http:\/\/hl7\.org\/fhir\/us\/core\/(?:StructureDefinition|ValueSet|CodeSystem)\/us-core-(?:allergyintolerance|average-blood-pressure|birthsex|blood-pressure|bmi|body-height|body-temperature|body-weight|bodyheight|bodyweight|careplan|careteam|category|condition|condition-encounter-diagnosis|condition-problems-health-concerns|coverage|device|diagnosticreport-lab|diagnosticreport-note|documentreference|documentreference-category|documentreference-type|encounter|ethnicity|genderIdentity|goal|head-circumference|heart-rate|immunization|implantable-device|location|medication|medicationdispense|medicationrequest|observation-clinical-result|observation-lab|observation-screening-assessment|observation-social-history|organization|patient|practitioner|practitionerrole|procedure|provenance|pulse-oximetry|questionnaireresponse|race|relatedperson|respiratory-rate|servicerequest|sex|simple-observation|smokingstatus|specimen|tags|treatment-intervention-preference|vital-signs)$/;

const blueButton = /^https:\/\/bluebutton\.cms\.gov\/resources\/(?:variables|codesystem)\/[a-z_-]{3,40}$/;

const known = new Set([
  ...others,
  ...resourceTypes,
  ...Object.entries(canonicalSource).flatMap(([prefix, names]) => names.split(' ').map((name) => prefix + name)),
]);

const unversioned = (uri: string): string => {
  const bar = uri.indexOf('|');
  return bar < 0 || !/^\|[\w.-]{1,20}$/.test(uri.slice(bar)) ? uri : uri.slice(0, bar);
};

/** URIs that name a published vocabulary, profile or type, and so tell nothing about a person or a place. */
export const vocabulary = {
  has: (uri: string): boolean => {
    if (known.has(uri)) return true;
    const name = unversioned(uri);
    return (
      known.has(name) ||
      oid.test(name) ||
      usCore.test(name) ||
      blueButton.test(name) ||
      name === 'http://hl7.org/fhir/R4'
    );
  },
};
