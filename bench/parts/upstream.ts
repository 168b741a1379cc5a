/** A FHIR server that does nothing but answer: one Patient of about 2 KB and one searchset of about 100 KB, and one of about 20 MB. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const patient = {
  resourceType: 'Patient',
  id: 'patient-ada',
  meta: { versionId: '1', lastUpdated: '2026-01-01T00:00:00.000Z' },
  text: {
    status: 'generated',
    div: `<div xmlns="http://www.w3.org/1999/xhtml"><p>${'Ada Byrne, born 1958. '.repeat(20)}</p></div>`,
  },
  identifier: [
    { system: 'https://riverside.example/mrn', value: 'MRN-392819' },
    { system: 'http://hl7.org/fhir/sid/us-ssn', value: '999-12-3343' },
  ],
  name: [{ use: 'official', family: 'Byrne', given: ['Ada', 'Maeve'] }],
  telecom: [{ system: 'phone', value: '555-0167', use: 'mobile' }],
  gender: 'female',
  birthDate: '1958-03-14',
  address: [{ line: ['142 Chapel Hill'], city: 'Millbrook', state: 'MA', postalCode: '01799', country: 'US' }],
  contact: Array.from({ length: 4 }, (_, i) => ({
    relationship: [
      {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0131', code: 'C', display: 'Emergency Contact' }],
      },
    ],
    name: { family: 'Byrne', given: [`Robin ${i}`] },
    telecom: [{ system: 'phone', value: `555-012${i}` }],
  })),
};

const observation = (i: number) => ({
  resourceType: 'Observation',
  id: `observation-${i}`,
  meta: { versionId: '1', lastUpdated: '2026-01-01T00:00:00.000Z' },
  status: 'final',
  category: [
    {
      coding: [
        {
          system: 'http://terminology.hl7.org/CodeSystem/observation-category',
          code: 'laboratory',
          display: 'Laboratory',
        },
      ],
    },
  ],
  code: {
    coding: [{ system: 'http://loinc.org', code: '2339-0', display: 'Glucose [Mass/volume] in Blood' }],
    text: 'Glucose',
  },
  subject: { reference: 'Patient/patient-ada' },
  encounter: { reference: 'Encounter/encounter-ada-1' },
  effectiveDateTime: '2026-01-01T08:00:00Z',
  issued: '2026-01-01T09:00:00.000Z',
  performer: [{ reference: 'Practitioner/practitioner-okafor', display: 'Dr Amara Okafor' }],
  valueQuantity: { value: 5.4, unit: 'mmol/L', system: 'http://unitsofmeasure.org', code: 'mmol/L' },
  referenceRange: [{ low: { value: 3.9, unit: 'mmol/L' }, high: { value: 5.5, unit: 'mmol/L' }, text: '3.9 to 5.5' }],
});

const read = Buffer.from(JSON.stringify(patient));
const answers = new Map<string, Buffer>();

/** All 600 entries of the batch that bench/parts/large-client.ts sends. */
const stored = Buffer.from(
  JSON.stringify({
    resourceType: 'Bundle',
    type: 'batch-response',
    entry: Array.from({ length: 600 }, () => ({ response: { status: '201' } })),
  }),
);

const server = createServer((request, response) => {
  const url = request.url ?? '';
  if (request.method === 'POST') {
    request.resume().once('end', () => {
      response.writeHead(200, { 'content-type': 'application/fhir+json' }).end(stored);
    });
    return;
  }
  const kind = url.includes('$everything')
    ? 'large'
    : url.includes('/Patient/patient-ada')
      ? 'read'
      : url.includes('/Observation')
        ? 'search'
        : 'empty';
  const port = (server.address() as AddressInfo).port;
  let body = answers.get(kind);
  if (body === undefined) {
    const base = `http://127.0.0.1:${port}/fhir`;
    const entries = { search: 100, large: 22_000, read: 0, empty: 0 }[kind] ?? 0;
    body =
      kind === 'read'
        ? read
        : Buffer.from(
            JSON.stringify({
              resourceType: 'Bundle',
              type: 'searchset',
              total: entries,
              link: [{ relation: 'self', url: `${base}/Observation` }],
              ...(entries > 0
                ? {
                    entry: Array.from({ length: entries }, (_, i) => ({
                      fullUrl: `${base}/Observation/observation-${i}`,
                      resource: observation(i),
                      search: { mode: 'match' },
                    })),
                  }
                : {}),
            }),
          );
    answers.set(kind, body);
  }
  response.writeHead(200, { 'content-type': 'application/fhir+json', 'content-length': body.length, etag: 'W/"1"' });
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`, readBytes: read.length });
});
process.on('disconnect', () => process.exit(0));
