import { describe, expect, it } from '@jest/globals';
import { classify } from '../../../src/domain/fhir/classify.ts';
import { toUpstream } from '../../../src/domain/fhir/request.ts';

const normal = (target: string): string => {
  const outcome = classify({ method: 'GET', target, headers: {}, body: undefined });
  return outcome.ok ? toUpstream(outcome.interaction).path : JSON.stringify(outcome.problem);
};

describe('searches that apps send', () => {
  it.each([
    // US Core
    '/Patient?identifier=http://hospital.smarthealthit.org|1032702',
    '/Patient?birthdate=1990-01-01&family=Shaw',
    '/Patient?death-date=ge2020-01-01&gender=female&name=Shaw',
    '/Patient?race=2106-3',
    '/AllergyIntolerance?patient=1&clinical-status=http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical|active',
    '/CarePlan?patient=1&category=http://hl7.org/fhir/us/core/CodeSystem/careplan-category|assess-plan&date=ge2020-01-01T00:00:00Z',
    '/CareTeam?patient=1&status=active&_include=CareTeam:participant',
    '/Condition?patient=1&category=problem-list-item&clinical-status=active,recurrence&onset-date=ge2019-01-14&recorded-date=le2024',
    '/Condition?patient=1&asserted-date=ge2019&abatement-date=lt2024&encounter=Encounter/2',
    '/Device?patient=1&type=http://snomed.info/sct|72506001',
    '/DiagnosticReport?patient=1&category=LAB&code=http://loinc.org|24323-8&date=ge2020',
    '/DocumentReference?patient=1&type=http://loinc.org|34133-9&period=ge2020-01-01&status=current&category=clinical-note',
    '/Encounter?patient=1&class=AMB&date=ge2019-11-01&location=Location/1&discharge-disposition=home',
    '/Goal?patient=1&lifecycle-status=active&target-date=ge2020&description=x',
    '/MedicationRequest?patient=1&intent=order,plan&status=active&authoredon=ge2020&_include=MedicationRequest:medication',
    '/Observation?patient=1&category=laboratory&date=gt2018-03-14&date=lt2021',
    '/Observation?patient=1&code=http://loinc.org|8480-6,http://loinc.org|8462-4&_sort=-date&_count=1',
    '/PractitionerRole?specialty=http://nucc.org/provider-taxonomy|208D00000X&_include=PractitionerRole:endpoint&_include=PractitionerRole:practitioner',
    '/Procedure?patient=1&date=ge2020&code=http://snomed.info/sct|35637008&_revinclude=Provenance:target',
    '/ServiceRequest?patient=1&category=387713003&authored=ge2020',
    '/QuestionnaireResponse?patient=1&questionnaire=http://example.org/q&authored=ge2020',
    '/Organization?address=Boston&name=health',
    // The search page of R4
    '/Patient?given:contains=eve&family:exact=Son',
    '/Patient?gender:not=male&active=true&deceased=false',
    '/Patient?gender:missing=true',
    '/Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053',
    '/Condition?code:below=126851005',
    '/Condition?code:text=headache',
    '/Condition?code:in=http://snomed.info/sct?fhir_vs',
    '/Observation?value-quantity=gt5.4|http://unitsofmeasure.org|mg',
    '/Observation?value-quantity=5.40e-3||g',
    '/Observation?code-value-quantity=http://loinc.org|8480-6$gt140',
    '/Observation?component-code-value-quantity=http://loinc.org|8480-6$lt60,http://loinc.org|8462-4$lt40',
    '/Observation?subject:identifier=http://acme.org|2345',
    '/Observation?subject:Patient=23',
    '/Observation?subject=http://example.com/fhir/Patient/23',
    '/DiagnosticReport?subject:Patient.name=peter',
    '/DiagnosticReport?subject.name=peter',
    '/Patient?general-practitioner.name=Joe&general-practitioner.address-state=MN',
    '/Patient?_has:Observation:patient:code=1234-5',
    '/Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=x',
    '/Encounter?patient._has:Group:member:_id=102',
    '/Patient?_list=42',
    '/AllergyIntolerance?patient=42&_list=$current-allergies',
    '/Condition?_text=bone&_content=cancer',
    '/MedicationRequest?_include=MedicationRequest:patient&_include:iterate=Patient:link&_revinclude=Provenance:target',
    '/MedicationRequest?_include=MedicationRequest:requester:Practitioner',
    '/Observation?_include=Observation:*',
    '/Observation?_summary=true&_total=accurate&_contained=both&_containedType=container',
    '/Observation?status:missing=false&_elements=id,code,subject',
    '/?_type=Observation,Condition&_lastUpdated=ge2020-01-01&_tag=http://x|y',
    '/Patient?_profile=http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient&_security:not=http://x|R',
    '/Slot?schedule.actor=Practitioner/1&start=ge2026-01-01T08:00:00Z',
    '/Task?owner=Practitioner/1&status:not=completed,cancelled',
    '/Location?near=42.3|-71.1|11.2|km',
    '/RiskAssessment?probability=gt0.8',
    '/ValueSet?url=http://loinc.org/vs/x&status=active',
    '/Patient/1/Observation?code=8480-6&_include=Observation:performer',
    '/Patient/1/_history?_since=2024-01-01T00:00:00Z&_count=10',
    '/Patient/1/$everything?start=2020-01-01&_type=Observation,Condition&_count=50',
    '/Observation/$lastn?patient=Patient/1&category=vital-signs&max=2',
    '/ValueSet/$expand?url=http://x/vs&filter=abc&count=10',
    '/$export?_type=Patient,Observation&_since=2024-01-01T00:00:00Z&_outputFormat=application/fhir%2Bndjson',
  ])('understands %s and says the same again', (target) => {
    expect(decodeURIComponent(normal(target))).toBe(decodeURIComponent(target));
  });

  it.each([
    ['/Patient?name=a&', '/Patient?name=a'],
    ['/Patient?name=Jos%C3%A9+Luis', '/Patient?name=Jos%C3%A9%20Luis'],
    ['/Patient?_count=010&name=a', '/Patient?name=a&_count=10'],
    // What apps send to have all of it; the page is lowered to the gateway's limit.
    ['/Patient?_count=2147483647&name=a', '/Patient?name=a&_count=999999'],
    ['/Patient?_include=*', '/Patient?_include=Patient:*'],
    ['/Patient?_include:recurse=Patient:link', '/Patient?_include:iterate=Patient:link'],
    ['/Observation?date=ge2020-01-01T00:00:00+02:00', '/Observation?date=ge2020-01-01T00:00:00%2B02:00'],
    ['/Patient?name=a%5C,b', '/Patient?name=a%5C,b'],
    ['/Patient?%6Eame=%61', '/Patient?name=a'],
    ['/Patient?name=a&_format=application/fhir+json', '/Patient?name=a'],
  ])('gives %s its normal form', (target, expected) => {
    expect(normal(target)).toBe(expected);
  });

  it('keeps an escaped comma within one value', () => {
    const outcome = classify({ method: 'GET', target: '/Patient?name=a%5C%2Cb,c', headers: {}, body: undefined });
    expect(outcome).toMatchObject({ interaction: { query: { criteria: [{ values: ['a,b', 'c'] }] } } });
  });

  it('reads a reference to the gateway itself as a relative one', () => {
    const outcome = classify(
      {
        method: 'GET',
        target: '/Observation?subject=https://gate.example/fhir/Patient/1,https://elsewhere/fhir/Patient/2',
        headers: {},
        body: undefined,
      },
      { bases: ['https://gate.example/fhir'] },
    );
    expect(outcome).toMatchObject({
      interaction: { query: { criteria: [{ values: ['Patient/1', 'https://elsewhere/fhir/Patient/2'] }] } },
    });
  });
});
