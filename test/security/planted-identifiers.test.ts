import { describe, expect, it } from '@jest/globals';
import { maskText, planOf } from '../domain/masking/shipped.ts';

/** One made-up person, named and numbered in every place where nobody expects it. */
const N = 'Zebulon Quackenbush';
const documents: Readonly<Record<string, object>> = {
  Patient: {
    resourceType: 'Patient',
    id: 'p1',
    meta: {
      source: 'urn:zq:Quackenbush-source',
      security: [{ system: 'x', code: 'Quackenbush-sec', display: 'Quackenbush-secd' }],
      tag: [{ system: 'http://q/Quackenbush-tag', code: 'Quackenbush-tagc' }],
      profile: ['http://q/Quackenbush-profile'],
    },
    implicitRules: 'http://x/Quackenbush-rules',
    language: 'en',
    extension: [
      { url: 'http://x/Quackenbush-url', valueString: 'Quackenbush-ext' },
      { url: 'http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName', valueString: 'Quackenbush-maiden' },
      {
        url: 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race',
        extension: [
          { url: 'text', valueString: 'Quackenbush-racetext' },
          {
            url: 'ombCategory',
            valueCoding: { system: 'urn:oid:2.16.840.1.113883.6.238', code: '2106-3', display: 'Quackenbush-racedisp' },
          },
        ],
      },
      { url: 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex', valueCode: 'F' },
    ],
    contained: [
      {
        resourceType: 'Patient',
        id: 'c1',
        name: [{ family: 'Quackenbush-c' }],
        birthDate: '1931-02-03',
        identifier: [{ system: 'http://hl7.org/fhir/sid/us-ssn', value: '111-22-3333' }],
      },
      { resourceType: 'Organization', id: 'o1', name: 'Quackenbush-org' },
    ],
    text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Quackenbush-div 111-22-3333</div>' },
    identifier: [
      {
        system: 'http://hl7.org/fhir/sid/us-ssn',
        value: '111-22-3333',
        _value: {
          extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/rendered-value', valueString: '111-22-3333' }],
        },
        assigner: { display: 'Quackenbush-assigner' },
        type: { text: 'Quackenbush-idtype' },
      },
      { value: '111-22-3333' },
      { system: 'urn:oid:2.16.840.1.113883.4.1.77', value: '1' },
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'SS' }] },
        value: '111223333',
      },
      { type: { text: 'Social Security Number' }, value: '111-22-3333' },
    ],
    name: [
      {
        text: N,
        family: 'Quackenbush',
        given: ['Zebulon', 'Q.'],
        _family: { extension: [{ url: 'http://x', valueString: 'Quackenbush-fx' }] },
        prefix: ['Quackenbush-pre'],
        period: { start: '1931' },
      },
    ],
    telecom: [
      { system: 'phone', value: '+1 (555) 010-9999' },
      { system: 'url', value: 'http://x/Quackenbush-tel' },
    ],
    gender: 'female',
    birthDate: '1931-02-03',
    _birthDate: {
      extension: [
        { url: 'http://hl7.org/fhir/StructureDefinition/patient-birthTime', valueDateTime: '1931-02-03T04:05:00Z' },
      ],
    },
    deceasedDateTime: '2024-03-04',
    address: [
      {
        text: 'Quackenbush-addr',
        line: ['1 Quackenbush St'],
        city: 'Quackenbush-ville',
        district: 'Quackenbush-county',
        state: 'MA',
        postalCode: '02139',
        country: 'US',
        _city: { extension: [{ url: 'x', valueString: 'Quackenbush-cx' }] },
      },
    ],
    maritalStatus: {
      text: 'Quackenbush-ms',
      coding: [
        { system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus', code: 'M', display: 'Quackenbush-msd' },
      ],
    },
    photo: [
      {
        contentType: 'image/png',
        data: 'UXVhY2tlbmJ1c2g=',
        url: 'http://x/Quackenbush-photo',
        title: 'Quackenbush-ptitle',
      },
    ],
    contact: [
      {
        name: { family: 'Quackenbush-contact' },
        telecom: [{ value: '555-0102' }],
        relationship: [{ text: 'Quackenbush-rel' }],
      },
    ],
    communication: [
      {
        language: {
          text: 'Quackenbush-lang',
          coding: [{ system: 'urn:ietf:bcp:47', code: 'en', display: 'Quackenbush-ld' }],
        },
      },
    ],
    generalPractitioner: [
      {
        reference: 'Practitioner/Quackenbush-gp',
        display: 'Quackenbush-gpd',
        identifier: { value: 'Quackenbush-gpi' },
      },
    ],
    managingOrganization: { display: 'Quackenbush-mo' },
    link: [{ other: { reference: 'Patient/Quackenbush-l', display: 'Quackenbush-ld2' }, type: 'seealso' }],
  },
  Observation: {
    resourceType: 'Observation',
    id: 'Quackenbush-oid',
    status: 'final',
    code: {
      text: 'Quackenbush weight',
      coding: [
        { system: 'http://loinc.org', code: '29463-7', display: 'Weight of Quackenbush' },
        { system: 'http://local/Quackenbush', code: 'Quackenbush-code' },
        { system: 'http://loinc.org', code: 'Quackenbush-loinc' },
        { system: 'http://snomed.info/sct', code: '111-22-3333' },
      ],
    },
    subject: { reference: 'http://h/fhir/Patient/Quackenbush-sub/_history/1', display: N },
    effectiveDateTime: '2020-02-03',
    issued: '2020-02-03T01:02:03Z',
    performer: [{ reference: 'Practitioner/1', display: 'Dr Quackenbush-perf' }],
    valueQuantity: { value: 80.5, unit: 'kg of Quackenbush', system: 'http://unitsofmeasure.org', code: 'kg' },
    note: [{ authorString: 'Quackenbush-auth', text: 'Quackenbush-note' }],
    device: { display: 'Quackenbush-dev' },
    component: [
      { code: { text: 'Quackenbush-comp' }, valueString: 'Quackenbush-cv' },
      {
        code: { coding: [{ system: 'http://loinc.org', code: '30525-0' }] },
        valueQuantity: { value: 93, unit: 'a', system: 'http://unitsofmeasure.org', code: 'a' },
      },
    ],
    referenceRange: [
      { text: 'Quackenbush-rr', age: { low: { value: 91, code: 'a', system: 'http://unitsofmeasure.org' } } },
    ],
    bodySite: { text: 'Quackenbush-bs' },
    interpretation: [{ text: 'Quackenbush-int' }],
  },
  QuestionnaireResponse: {
    resourceType: 'QuestionnaireResponse',
    status: 'completed',
    questionnaire: 'http://x/Quackenbush-q',
    identifier: { value: 'Quackenbush-id' },
    subject: { display: 'Quackenbush-s' },
    item: [
      {
        linkId: 'Quackenbush-link',
        text: 'Quackenbush-t',
        answer: [
          { valueString: 'Quackenbush-ans' },
          { valueCoding: { display: 'Quackenbush-ac' } },
          { valueDate: '1931-02-03' },
          { valueUri: 'http://x/Quackenbush' },
          { valueAttachment: { title: 'Quackenbush-att' } },
          { valueReference: { display: 'Quackenbush-ref' } },
          { item: [{ linkId: '1', answer: [{ valueString: 'Quackenbush-nest' }] }] },
        ],
      },
    ],
  },
  Composition: {
    resourceType: 'Composition',
    status: 'final',
    type: { text: 'Quackenbush-ct' },
    title: 'Quackenbush-title',
    date: '2020-02-03',
    author: [{ display: 'Quackenbush-a' }],
    attester: [{ mode: 'legal', time: '2020-02-03T00:00:00Z', party: { display: 'Quackenbush-p' } }],
    section: [
      {
        title: 'Quackenbush-st',
        text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Quackenbush-sd</div>' },
        entry: [{ display: 'Quackenbush-e' }],
      },
    ],
  },
  Communication: {
    resourceType: 'Communication',
    status: 'completed',
    payload: [
      { contentString: 'Quackenbush-cs' },
      { contentAttachment: { title: 'Quackenbush-t', url: 'http://x/Quackenbush' } },
      { contentReference: { display: 'Quackenbush-cr' } },
    ],
    note: [{ text: 'Quackenbush-n' }],
    topic: { text: 'Quackenbush-top' },
    recipient: [{ display: 'Quackenbush-r' }],
  },
  DocumentReference: {
    resourceType: 'DocumentReference',
    status: 'current',
    description: 'Quackenbush-desc',
    masterIdentifier: { value: 'Quackenbush-mi' },
    type: { text: 'Quackenbush-ty' },
    content: [
      {
        attachment: { title: 'Quackenbush-at', url: 'http://x/Quackenbush-au', data: 'UXVhY2tlbmJ1c2g=' },
        format: { display: 'Quackenbush-f', code: 'Quackenbush-fc', system: 'http://x' },
      },
    ],
    context: {
      sourcePatientInfo: { display: 'Quackenbush-spi' },
      facilityType: { text: 'Quackenbush-ft' },
      period: { start: '2020-02-03' },
    },
  },
  Device: {
    resourceType: 'Device',
    identifier: [{ value: 'Quackenbush-di' }],
    udiCarrier: [
      {
        deviceIdentifier: 'Quackenbush-udi',
        carrierHRF: 'Quackenbush-hrf',
        carrierAIDC: 'UXVhY2tlbmJ1c2g=',
        issuer: 'http://x/Quackenbush-iss',
        jurisdiction: 'http://x/Quackenbush-j',
      },
    ],
    serialNumber: 'Quackenbush-sn',
    lotNumber: 'Quackenbush-lot',
    distinctIdentifier: 'Quackenbush-dist',
    manufacturer: 'Quackenbush-man',
    modelNumber: 'Quackenbush-mod',
    partNumber: 'Quackenbush-pn',
    deviceName: [{ name: 'Quackenbush-dn', type: 'user-friendly-name' }],
    patient: { display: 'Quackenbush-p' },
    url: 'http://x/Quackenbush-url',
    note: [{ text: 'Quackenbush-note' }],
    contact: [{ value: '555-0102' }],
    version: [{ value: 'Quackenbush-v' }],
    property: [{ type: { text: 'Quackenbush-pt' }, valueCode: [{ text: 'Quackenbush-pv' }] }],
  },
  ImagingStudy: {
    resourceType: 'ImagingStudy',
    status: 'available',
    identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.840.99999.111223333' }],
    subject: { display: 'Quackenbush-s' },
    series: [
      {
        uid: '1.2.840.99999.111223333.1',
        modality: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'CT', display: 'Quackenbush-mo' },
        description: 'Quackenbush-sd',
        instance: [
          {
            uid: '1.2.840.99999.111223333.1.1',
            sopClass: { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.5.1.4.1.1.2' },
            title: 'Quackenbush-it',
          },
        ],
      },
    ],
  },
  Claim: {
    resourceType: 'Claim',
    status: 'active',
    type: {
      coding: [
        { system: 'http://terminology.hl7.org/CodeSystem/claim-type', code: 'institutional', display: 'Quackenbush-x' },
      ],
    },
    use: 'claim',
    patient: { display: 'Quackenbush-p' },
    created: '2020-02-03',
    insurer: { display: 'Quackenbush-i' },
    provider: { display: 'Quackenbush-pr' },
    priority: { text: 'Quackenbush-prio' },
    supportingInfo: [
      {
        sequence: 1,
        category: { text: 'Quackenbush-cat' },
        valueString: 'Quackenbush-vs',
        reason: { display: 'Quackenbush-rs' },
      },
    ],
    insurance: [
      {
        sequence: 1,
        focal: true,
        coverage: { display: 'Quackenbush-cov', identifier: { value: 'Quackenbush-covid' } },
        preAuthRef: ['Quackenbush-par'],
        businessArrangement: 'Quackenbush-ba',
      },
    ],
    accident: { date: '2020-02-03', locationAddress: { line: ['1 Quackenbush'] } },
    item: [
      {
        sequence: 1,
        productOrService: { text: 'Quackenbush-pos' },
        udi: [{ display: 'Quackenbush-udi' }],
        unitPrice: { value: 10, currency: 'USD' },
      },
    ],
    payee: { type: { text: 'Quackenbush-pt' }, party: { display: 'Quackenbush-pp' } },
  },
  Media: {
    resourceType: 'Media',
    status: 'completed',
    content: { title: 'Quackenbush-t' },
    deviceName: 'Quackenbush-d',
  },
  Condition: {
    resourceType: 'Condition',
    subject: { reference: 'Patient/1' },
    onsetString: 'when Quackenbush was 93',
    code: {
      text: 'Quackenbush syndrome',
      coding: [{ system: 'http://snomed.info/sct', code: '38341003', display: 'HTN of Quackenbush' }],
    },
    recorder: { display: 'Quackenbush-rec' },
    onsetAge: { value: 92, system: 'http://unitsofmeasure.org', code: 'a', unit: 'years' },
    note: [{ text: 'Quackenbush-n', authorReference: { display: 'Quackenbush-ar' }, time: '2020-02-03T00:00:00Z' }],
  },
  Encounter: {
    resourceType: 'Encounter',
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB', display: 'Quackenbush-amb' },
    type: [{ text: 'Quackenbush-ty' }],
    subject: { reference: 'Patient/1', display: N },
    participant: [{ individual: { display: 'Dr Quackenbush-i' } }],
    location: [{ location: { display: 'Quackenbush-loc' }, physicalType: { text: 'Quackenbush-lp' } }],
    serviceProvider: { display: 'Quackenbush-sp' },
    reasonCode: [{ text: 'Quackenbush-rc' }],
    period: { start: '2020-02-03T00:00:00Z', end: '2020-02-04T00:00:00Z' },
    hospitalization: { preAdmissionIdentifier: { value: 'Quackenbush-pai' }, origin: { display: 'Quackenbush-or' } },
  },
  Appointment: {
    resourceType: 'Appointment',
    status: 'booked',
    description: 'Quackenbush-desc',
    comment: 'Quackenbush-com',
    patientInstruction: 'Quackenbush-pi',
    participant: [{ actor: { display: 'Quackenbush-act' }, status: 'accepted' }],
    start: '2020-02-03T00:00:00Z',
    reasonCode: [{ text: 'Quackenbush-rc' }],
    serviceType: [{ text: 'Quackenbush HIV clinic', coding: [{ code: 'Quackenbush-stc', system: 'http://x' }] }],
  },
  Coverage: {
    resourceType: 'Coverage',
    status: 'active',
    subscriberId: 'Quackenbush-sid',
    beneficiary: { display: 'Quackenbush-b' },
    payor: [{ display: 'Quackenbush-payor' }],
    class: [{ type: { text: 'Quackenbush-t' }, value: 'Quackenbush-v', name: 'Quackenbush-n' }],
    network: 'Quackenbush-net',
    dependent: 'Quackenbush-dep',
  },
};

const traces = /Quackenbush|Zebulon|111-?22-?3333|UXVhY2|555.?010|1931-02|2020-02-0/;
const masked = (role: string, purpose: string): readonly (readonly [string, string])[] =>
  Object.entries(documents).map(([type, document]) => [
    type,
    maskText(JSON.stringify(document), planOf(role, purpose)),
  ]);

describe('a person who is named in unusual places', () => {
  it.each([
    ['safe-harbor', 'HRESCH'],
    ['gdpr-pseudonymised', 'HRESCH'],
    ['researcher', 'HRESCH'],
  ])('is in none of them for %s', (role, purpose) => {
    const left = masked(role, purpose).filter(([, text]) =>
      traces.test(text.replace(/"\d{4}-\d{2}-\d{2}(?=[T"])/g, '"')),
    );
    expect(left.map(([type, text]) => `${type} ${traces.exec(text)?.[0]}`)).toEqual([]);
  });

  it('keeps codes, values and units for research', () => {
    const text = maskText(JSON.stringify(documents.Observation), planOf('safe-harbor', 'HRESCH'));
    for (const kept of ['"29463-7"', '80.5', '"kg"', '"http://loinc.org"', '"final"']) expect(text).toContain(kept);
    expect(maskText(JSON.stringify(documents.Condition), planOf('safe-harbor', 'HRESCH'))).toContain('"38341003"');
  });

  it.each([
    ['clinician', 'TREAT'],
    ['specialist', 'TREAT'],
    ['front-desk', 'HOPERAT'],
    ['billing', 'HPAYMT'],
    ['privacy-officer', 'HOPERAT'],
  ])('keeps no social security number for %s, by whatever mark it is known, and keeps the name', (role, purpose) => {
    const text = maskText(JSON.stringify(documents.Patient), planOf(role, purpose));
    expect(text).not.toMatch(/111-?22-?3333/);
    expect(text).toContain('"Quackenbush"');
    const mrn = {
      resourceType: 'Patient',
      identifier: [{ system: 'http://hospital.example/mrn', value: '111-22-3333' }],
    };
    expect(maskText(JSON.stringify(mrn), planOf(role, purpose))).toBe(JSON.stringify(mrn));
  });

  it('is in no unit, sample or age without a unit for research, and measurements stay', () => {
    const plan = planOf('safe-harbor', 'HRESCH');
    const ucum = 'http://unitsofmeasure.org';
    const of = (more: object, code: object = {}) =>
      maskText(JSON.stringify({ resourceType: 'Observation', status: 'final', code, ...more }), plan);
    const age = { coding: [{ system: 'http://loinc.org', code: '30525-0' }] };
    expect(of({ valueInteger: 93 }, age)).toContain('"valueInteger":90');
    expect(of({ valueInteger: 89 }, age)).toContain('"valueInteger":89');
    expect(of({ valueQuantity: { value: 340, system: ucum, code: 'mo' } }, age)).toContain('"value":340');
    const sampled = (data: string) =>
      of({ valueSampledData: { origin: { value: 0 }, period: 1, dimensions: 1, data } });
    expect(sampled('1 2 E 111-22-3333')).not.toContain('3333');
    expect(sampled('1 -2.5 1e3 E U L')).toContain('1 -2.5 1e3 E U L');
    for (const unit of ['Quackenbush', '{Quackenbush}', '{111-22-3333}', '111223333'])
      expect(of({ valueQuantity: { value: 1, system: ucum, code: unit } })).not.toContain(unit);
    for (const unit of [
      'mm[Hg]',
      '10*3/uL',
      '{score}',
      'mL/min/{1.73_m2}',
      'kg/m2',
      '%',
      '[degF]',
      '{#}',
      'mmol/L',
      "[arb'U]",
      'Cel',
    ])
      expect(of({ valueQuantity: { value: 1, system: ucum, code: unit } })).toContain(JSON.stringify(unit));
  });

  it.each([
    ['front-desk', 'HOPERAT'],
    ['billing', 'HPAYMT'],
    ['safe-harbor', 'HRESCH'],
  ])('leaves no entry of a Bundle behind for %s where its resource may not be seen', (role, purpose) => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: Object.values(documents).map((resource, at) => ({
        fullUrl: `urn:uuid:c757873d-ec9a-4326-a141-${String(at).padStart(12, '0')}`,
        resource,
        request: { method: 'POST', url: (resource as { resourceType: string }).resourceType },
      })),
    };
    const plan = planOf(role, purpose);
    const text = maskText(JSON.stringify(bundle), plan);
    const { entry } = JSON.parse(text) as { entry: { resource?: { resourceType: string } }[] };
    expect(entry.map(({ resource }) => resource?.resourceType)).toEqual(
      Object.keys(documents).filter((type) => plan.covers(type as never)),
    );
    expect(text).not.toContain('"Media"');
    for (const type of ['document', 'message']) {
      const headed = { ...bundle, type, entry: [{ resource: { resourceType: 'Media' } }, ...bundle.entry] };
      expect(maskText(JSON.stringify(headed), plan)).toMatch(/^withheld/);
    }
  });

  it('stays in clinical text for who treats, and in no note for who bills', () => {
    const clinician = maskText(JSON.stringify(documents.Condition), planOf('clinician', 'TREAT'));
    expect(clinician).toBe(JSON.stringify(documents.Condition));
    const claim = maskText(JSON.stringify(documents.Claim), planOf('billing', 'HPAYMT'));
    expect(claim).not.toContain('Quackenbush-vs');
    expect(claim).toContain('"institutional"');
  });
});
