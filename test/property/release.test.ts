import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type DemoConsent,
  type Persona,
  readDemoConsents,
  readPersonas,
} from '../../src/adapters/upstream/demo-fixtures.ts';
import { type House, json, startHouse } from '../security/house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
afterEach(() => house.impersonate());

const consents = readDemoConsents();
/** The privacy officer's purpose needs no consent; the suspicious one is stopped by its risk. */
const personas = readPersonas().filter(
  ({ name, purpose }) => name !== 'suspicious' && purpose !== 'HCOMPL' && purpose !== 'FAMRQT',
);

/** Coarser than the product on purpose: what is closed here must be closed there, whatever else the product asks. */
const isClosed = (persona: Persona, patient: string): boolean =>
  persona.patient !== patient &&
  !consents.some(
    (consent: DemoConsent) =>
      consent.patient === patient &&
      consent.effect === 'permit' &&
      consent.revokedInDemo !== true &&
      (consent.purposes.length === 0 || (consent.purposes as readonly string[]).includes(persona.purpose)) &&
      [persona.fhirUser, persona.organisation, persona.study, persona.client, ...persona.roles].some(
        (name) => name !== undefined && consent.grantee.includes(name),
      ),
  );

const patients = ['patient-ada', 'patient-ben', 'patient-chen', 'patient-noor', 'patient-nobody'] as const;
const patient = fc.constantFrom(...patients);
const ownerOf: Readonly<Record<string, string>> = {
  Observation: 'subject',
  Condition: 'subject',
  Encounter: 'subject',
  DocumentReference: 'subject',
  ServiceRequest: 'subject',
  Immunization: 'patient',
  AllergyIntolerance: 'patient',
  Coverage: 'beneficiary',
  List: 'subject',
  Communication: 'subject',
};
const type = fc.constantFrom(...Object.keys(ownerOf));
const form = fc.constantFrom<(id: string) => string>(
  (id) => `Patient/${id}`,
  (id) => `Patient/${id}/_history/1`,
  (id) => `${house.base}/Patient/${id}`,
  (id) => `${house.rig.demo.fhir.url}/Patient/${id}`,
);
const place = fc.constantFrom<(reference: string) => object>(
  () => ({}),
  (reference) => ({ extension: [{ url: 'https://x.example/e', valueReference: { reference } }] }),
  (reference) => ({ contained: [{ resourceType: 'Observation', id: 'c', subject: { reference } }] }),
  (reference) => ({ contained: [{ resourceType: 'Patient', id: 'p', link: [{ other: { reference } }] }] }),
  (reference) => ({ performer: [{ reference }] }),
  (reference) => ({ meta: { extension: [{ url: 'https://x.example/e', valueReference: { reference } }] } }),
);

interface Made {
  readonly resource: Readonly<Record<string, unknown>> & { readonly resourceType: string; readonly id: string };
  readonly named: readonly string[];
}

const made: fc.Arbitrary<(at: number) => Made> = fc
  .record({
    type,
    owner: patient,
    other: patient,
    form,
    place,
    asPatient: fc.boolean(),
    nest: fc.integer({ min: 0, max: 4 }),
  })
  .map((shape) => (at) => {
    const mark = `MARK-${at}-MARK`;
    const beside = shape.place(shape.form(shape.other));
    const named = Object.keys(beside).length === 0 ? [shape.owner] : [shape.owner, shape.other];
    const base: Made['resource'] = shape.asPatient
      ? { resourceType: 'Patient', id: shape.owner, name: [{ family: mark }], language: mark, ...beside }
      : {
          resourceType: shape.type,
          id: `r${at}`,
          code: { text: mark },
          note: [{ text: mark }],
          [ownerOf[shape.type] ?? 'subject']: { reference: shape.form(shape.owner), display: mark },
          ...beside,
        };
    const resource: Made['resource'] =
      shape.nest === 4
        ? { resourceType: 'Bundle', id: `b${at}`, type: 'collection', entry: [{ resource: base }] }
        : base;
    return { resource, named };
  });

const searchset = (all: readonly Made[], type: string) => ({
  resourceType: 'Bundle',
  type,
  total: all.length,
  entry: all.map(({ resource }, at) => ({
    fullUrl: `urn:uuid:00000000-0000-4000-8000-00000000000${at}`,
    resource,
    search: { mode: at % 3 === 2 ? 'include' : 'match' },
    response: { status: '200', etag: 'W/"1"', location: `${resource.resourceType}/${resource.id}/_history/1` },
  })),
});

const interaction = fc.constantFrom(
  'GET /Observation?code=x',
  'GET /?_type=Observation,Condition,Patient',
  'GET /Observation?code=x&_include=Observation:subject',
  'GET /Patient',
  'GET /_history',
  'GET /Observation/_history',
  'GET /Patient/patient-ada/$everything',
  'GET /Patient/patient-ada/Observation',
  'GET /Observation?patient=patient-ada&_count=2&_sort=-date',
  'GET /Observation/$lastn?patient=patient-ada',
  'GET first',
  'GET first history',
  'POST batch',
);

describe('whatever the FHIR server answers', () => {
  it('no byte of a resource that names a patient who did not consent leaves', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(made, { minLength: 1, maxLength: 9 }),
        fc.constantFrom(...personas),
        interaction,
        async (makers, persona, line) => {
          const all = makers.map((make, at) => make(at));
          const [first] = all;
          if (first === undefined) return;
          const path = `${first.resource.resourceType}/${first.resource.id}`;
          house.impersonate(
            line === 'GET first'
              ? json(first.resource)
              : json(searchset(all, line.includes('batch') ? 'batch-response' : 'searchset')),
          );
          const answer =
            line === 'POST batch'
              ? await house.ask('POST /', {
                  as: persona.name,
                  body: {
                    resourceType: 'Bundle',
                    type: 'batch',
                    entry: all.map(({ resource }) => ({
                      request: { method: 'GET', url: `${resource.resourceType}/${resource.id}` },
                    })),
                  },
                })
              : await house.ask(
                  line === 'GET first' ? `GET /${path}` : line === 'GET first history' ? `GET /${path}/_history` : line,
                  { as: persona.name },
                );
          expect(answer.status).not.toBe(500);
          for (const [at, { named }] of all.entries())
            if (named.some((each) => isClosed(persona, each))) expect(answer.all).not.toContain(`MARK-${at}-MARK`);
        },
      ),
      { numRuns: 250 },
    );
  });

  it('and something leaves: the property above is not kept by refusing all', async () => {
    const own = {
      resourceType: 'Observation',
      id: 'r',
      status: 'final',
      code: { text: 'MARK' },
      subject: { reference: 'Patient/patient-ada' },
    };
    house.impersonate(json(searchset([{ resource: own, named: ['patient-ada'] }], 'searchset')));
    for (const as of ['clinician', 'patient'])
      expect((await house.ask('GET /Observation?code=x', { as })).text).toContain('MARK');
  });
});

describe('a record that may not be seen and one that is not there', () => {
  const closed = fc.constantFrom(
    ['Patient', 'patient-noor'],
    ['Observation', 'observation-noor-1-bp'],
    ['Condition', 'condition-noor-diabetes'],
    ['Encounter', 'encounter-noor-2'],
    ['Claim', 'claim-noor'],
    ['DocumentReference', 'document-noor-note'],
  );
  const asked = fc.constantFrom<(type: string, id: string) => string>(
    (of, id) => `GET /${of}/${id}`,
    (of, id) => `GET /${of}/${id}?_elements=id`,
    (of, id) => `GET /${of}/${id}/_history/1`,
    (of, id) => `GET /${of}?_id=${id}`,
    (of, id) => `GET /${of}?_id=${id}&_summary=count`,
    (of, id) => `DELETE /${of}/${id}`,
  );

  it('are answered alike, byte for byte, to every persona', async () => {
    await fc.assert(
      fc.asyncProperty(
        closed,
        asked,
        fc.constantFrom(...personas),
        fc.stringMatching(/^[a-z]{5,12}$/),
        async ([of = '', id = ''], line, persona, other) => {
          fc.pre(isClosed(persona, 'patient-noor'));
          const denied = await house.ask(line(of, id), { as: persona.name });
          const missing = await house.ask(line(of, other), { as: persona.name });
          const shape = (answer: typeof denied, name: string) => ({
            status: answer.status,
            text: answer.text.replaceAll(name, 'ID'),
            headers: Object.keys(answer.headers).sort(),
          });
          expect(shape(denied, id)).toEqual(shape(missing, other));
        },
      ),
      { numRuns: 80 },
    );
  });
});
