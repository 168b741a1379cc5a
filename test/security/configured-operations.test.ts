import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type House, json, startHouse } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await startHouse({
    operations: [
      {
        name: 'care-gaps',
        at: [
          { level: 'type', types: ['Patient'], subjects: { by: 'parameter', name: 'subject' } },
          { level: 'instance', types: ['Patient'], subjects: { by: 'instance' } },
        ],
        methods: ['GET', 'POST'],
        acts: 'search',
        parameters: { subject: 'reference', periodStart: 'text' },
      },
    ],
  });
  house.impersonate(
    json({
      resourceType: 'Bundle',
      type: 'searchset',
      entry: [
        { resource: { resourceType: 'Observation', id: 'o1', subject: { reference: 'Patient/patient-ada' } } },
        { resource: { resourceType: 'Observation', id: 'o2', subject: { reference: 'Patient/patient-noor' } } },
      ],
    }),
  );
}, 60_000);
afterAll(() => house.close());

const parameters = (...references: readonly unknown[]) => ({
  resourceType: 'Parameters',
  parameter: references.map((valueReference) => ({ name: 'subject', valueReference })),
});
const ada = { reference: 'Patient/patient-ada' };

describe('an operation that configuration names', () => {
  it.each([
    ['GET /Patient/patient-ada/$care-gaps', undefined],
    ['GET /Patient/$care-gaps?subject=Patient/patient-ada', undefined],
    ['POST /Patient/$care-gaps', parameters(ada)],
  ])('%s goes on for a patient who consented, and gives back nothing of others', async (line, body) => {
    house.forget();
    const answer = await house.ask(line, { as: 'clinician', ...(body === undefined ? {} : { body }) });
    expect(answer.status).toBe(200);
    expect(house.received).toHaveLength(1);
    expect(answer.text).toContain('"o1"');
    expect(answer.all).not.toMatch(/"o2"|patient-noor/);
  });

  it.each([
    ['for a patient who did not consent', 'GET /Patient/$care-gaps?subject=Patient/patient-noor', undefined],
    [
      'for one who did and one who did not',
      'POST /Patient/$care-gaps',
      parameters(ada, { reference: 'Patient/patient-noor' }),
    ],
    ['at the record of one who did not', 'GET /Patient/patient-noor/$care-gaps', undefined],
    ['without saying whose', 'POST /Patient/$care-gaps', parameters()],
    ['for a team of unknown patients', 'POST /Patient/$care-gaps', parameters(ada, { reference: 'Group/g1' })],
    ['for somebody without an address', 'POST /Patient/$care-gaps', parameters({ display: 'a patient' })],
    [
      'for a patient of another server',
      'POST /Patient/$care-gaps',
      parameters({ reference: 'https://else.example/fhir/Patient/patient-ada' }),
    ],
    ['with a parameter that is not named', 'GET /Patient/patient-ada/$care-gaps?_include=Patient:link', undefined],
    ['where it is not named', 'GET /Observation/$care-gaps?subject=Patient/patient-ada', undefined],
  ])('is refused %s, before the FHIR server hears of it', async (_title, line, body) => {
    house.forget();
    const answer = await house.ask(line, { as: 'clinician', ...(body === undefined ? {} : { body }) });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(house.received).toEqual([]);
  });
});
