import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type House, json, startHouse } from './house.ts';

/** A FHIR server that does not know a parameter may leave it out, and answer with everybody's records. */
let house: House;
beforeAll(async () => {
  house = await startHouse();
}, 60_000);
afterAll(() => house.close());
afterEach(() => house.impersonate());

const observation = (patient: string, mode = 'match') => ({
  resource: {
    resourceType: 'Observation',
    id: `of-${patient}`,
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '2339-0' }] },
    subject: { reference: `Patient/${patient}` },
    effectiveDateTime: '2026-01-05T10:00:00Z',
  },
  search: { mode },
});
const everybodys = (...entry: object[]) =>
  house.impersonate(json({ resourceType: 'Bundle', type: 'searchset', total: entry.length, entry }));
const whose = async (line: string) => {
  const { text } = await house.ask(line, { as: 'clinician' });
  const { entry = [], total } = JSON.parse(text) as { entry?: { resource: { id: string } }[]; total?: number };
  return { ids: entry.map(({ resource }) => resource.id), total };
};

describe('a server that ignores which patient was asked for', () => {
  it.each([
    ['a search by patient', 'GET /Observation?patient=patient-ada'],
    ['a search by subject', 'GET /Observation?subject=Patient/patient-ada'],
    ['the last values', 'GET /Observation/$lastn?patient=patient-ada'],
  ])('adds nobody else’s records to %s, though both let the caller look', async (_title, line) => {
    everybodys(observation('patient-ada'), observation('patient-chen'));
    expect((await whose('GET /Observation')).ids).toEqual(['of-patient-ada', 'of-patient-chen']);
    expect(await whose(line)).toEqual({ ids: ['of-patient-ada'], total: 1 });
  });

  it('may send what a criterion of several values, or of a group too, asks for', async () => {
    everybodys(observation('patient-ada'), observation('patient-chen'));
    expect((await whose('GET /Observation?patient=patient-ada,patient-chen')).ids).toHaveLength(2);
    expect((await whose('GET /Observation?subject=Patient/patient-ada,Group/g1')).ids).toHaveLength(2);
  });
});
