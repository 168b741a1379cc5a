/** Invented, and rich in what policies speak of. */
const patient = {
  resourceType: 'Patient',
  id: 'example-1',
  text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Ada Byrne, born 1958-05-30</div>' },
  identifier: [
    { system: 'http://hospital.example/mrn', value: 'MRN-7741' },
    { system: 'http://hl7.org/fhir/sid/us-ssn', value: '123-45-6789' },
  ],
  active: true,
  name: [{ use: 'official', family: 'Byrne', given: ['Ada', 'Maeve'] }],
  telecom: [
    { system: 'phone', value: '555-0100', use: 'home' },
    { system: 'email', value: 'ada@example.org' },
  ],
  gender: 'female',
  birthDate: '1958-05-30',
  address: [{ line: ['1 Elm Street'], city: 'Salem', state: 'MA', postalCode: '01970', country: 'US' }],
  maritalStatus: {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus', code: 'M', display: 'Married' }],
  },
  contact: [{ name: { family: 'Byrne', given: ['Colm'] }, telecom: [{ system: 'phone', value: '555-0101' }] }],
  photo: [{ contentType: 'image/png', url: 'http://pictures.example/ada.png' }],
};

const observation = {
  resourceType: 'Observation',
  id: 'example-2',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '4548-4', display: 'HbA1c' }], text: 'HbA1c' },
  subject: { reference: 'Patient/example-1', display: 'Ada Byrne' },
  effectiveDateTime: '2024-05-06T08:09:10Z',
  performer: [{ reference: 'Practitioner/okafor', display: 'Dr Amara Okafor' }],
  valueQuantity: { value: 6.3, unit: '%', system: 'http://unitsofmeasure.org', code: '%' },
  note: [{ text: 'Ada Byrne fasted. Call 555-0100.' }],
};

const encounter = {
  resourceType: 'Encounter',
  id: 'example-3',
  status: 'finished',
  class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
  subject: { reference: 'Patient/example-1', display: 'Ada Byrne' },
  period: { start: '2024-05-06T08:00:00Z', end: '2024-05-06T08:30:00Z' },
  reasonCode: [
    { coding: [{ system: 'http://snomed.info/sct', code: '73211009' }], text: 'Diabetes, worried about Colm' },
  ],
  location: [{ location: { reference: 'Location/l1', display: 'Room 4, Riverside' } }],
};

export const samples: Readonly<Record<string, string>> = Object.fromEntries(
  [patient, observation, encounter].map((resource) => [resource.resourceType, JSON.stringify(resource, null, 2)]),
);
