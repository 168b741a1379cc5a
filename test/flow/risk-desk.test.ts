import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { emptyParts } from '../../src/domain/risk/engine.ts';
import type { AccessEvent } from '../../src/domain/risk/event.ts';
import { writeModel } from '../../src/domain/risk/model.ts';
import { simulate, usualSimulation } from '../../src/domain/risk/simulator/simulate.ts';
import { DAY } from '../../src/domain/risk/time.ts';
import { codeOf, type Rig, startRig } from './rig.ts';
import { flakyFiles, type Second, startSecond } from './second-gateway.ts';

let rig: Rig;
let second: Second;
beforeAll(async () => {
  rig = await startRig();
  second = await startSecond(rig, {});
  const everybody = (await fetch(`${rig.demo.fhir.url}/Patient?_count=100&_elements=id`).then((response) =>
    response.json(),
  )) as { entry: { resource: { id: string } }[] };
  for (const { resource } of everybody.entry) await second.get(`/Observation?patient=${resource.id}`, 'suspicious');
}, 90_000);
afterAll(async () => {
  await second.close();
  await rig.close();
});

const api = async (persona: string, changes: Parameters<Rig['token']>[1] = {}, at: Second = second) => {
  const bearer = `Bearer ${await rig.token(persona, changes)}`;
  const http = supertest(at.gateway.url);
  return {
    get: (path: string) => http.get(`/api/v1/risk${path}`).set('authorization', bearer),
    post: (path: string, body: object) => http.post(`/api/v1/risk${path}`).set('authorization', bearer).send(body),
  };
};
interface Told {
  readonly id: string;
  readonly user: string;
  readonly state: string;
}
const casesOf = (response: supertest.Response): readonly Told[] => (response.body as { cases: Told[] }).cases;

describe('the review desk', () => {
  it('lists what was alerted, worst first, with reasons in words', async () => {
    const officer = await api('privacy-officer');
    const response = await officer.get('/cases').expect(200);
    expect(response.headers['cache-control']).toBe('no-store');
    const [worst] = casesOf(response);
    expect(worst).toMatchObject({
      kind: 'user-day',
      user: 'Practitioner/practitioner-strand',
      action: 'block',
      state: 'open',
    });
    expect(JSON.stringify(worst)).toMatch(/different patients within the hour/);
    expect(JSON.stringify(worst)).not.toContain('accesses');
  });

  it('shows a case with the whole day of the user from the ledger, and what ties them to each patient', async () => {
    const officer = await api('privacy-officer');
    const [worst] = casesOf(await officer.get('/cases'));
    const { body } = await officer.get(`/cases/${worst?.id}`).expect(200);
    const told = body as {
      case: { accesses: object[] };
      day: { at: string; requestId: string; code?: string; patients: string[] }[];
      patients: { patient: string; links: string[] }[];
    };
    expect(told.case.accesses.length).toBeGreaterThan(2);
    // Refusals for want of consent are of the day too, though no score was asked for.
    expect(told.day.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['consent-not-granted', 'risk-blocked', 'risk-step-up']),
    );
    expect(told.day.map(({ at }) => at)).toEqual(told.day.map(({ at }) => at).toSorted());
    expect(told.patients.length).toBeGreaterThan(3);
    const found = await second.gateway.ledger.find(told.day[0]?.requestId ?? '');
    expect(found?.entry.actor?.user).toBe('strand');
  });

  it.each(['clinician', 'patient', 'auditor'])('is closed to the %s, and to those without a token', async (persona) => {
    const stranger = await api(persona);
    const paths = ['/status', '/cases', '/cases/x', '/reviews', '/what-if'];
    for (const path of paths) expect(codeOf(await stranger.get(path).expect(403))).toBe('scope-insufficient');
    for (const path of ['/cases/x/decision', '/models/challenger', '/models/promotion', '/models/rollback'])
      expect(codeOf(await stranger.post(path, {}).expect(403))).toBe('scope-insufficient');
    for (const path of paths) await supertest(second.gateway.url).get(`/api/v1/risk${path}`).expect(401);
  });

  it('takes decisions with a reason, one of each person, and none of oneself', async () => {
    const officer = await api('privacy-officer');
    const [worst] = casesOf(await officer.get('/cases'));
    const path = `/cases/${worst?.id}/decision`;
    expect(codeOf(await officer.post(path, { decision: 'confirmed', reason: 'no' }).expect(409))).toBe(
      'review-refused',
    );
    const own = await api('privacy-officer', { user: 'strand', fhirUser: 'Practitioner/practitioner-strand' });
    await own.post(path, { decision: 'dismissed', reason: 'it was for research' }).expect(409);
    await officer.post(path, { decision: 'perhaps', reason: 'no idea at all' }).expect(400);
    await officer.post('/cases/none/decision', { decision: 'confirmed', reason: 'no such case' }).expect(404);
    const done = await officer.post(path, { decision: 'confirmed', reason: 'harvested in minutes' }).expect(200);
    expect(done.body).toEqual({ id: worst?.id, state: 'confirmed' });
    await officer.post(path, { decision: 'dismissed', reason: 'changed my mind' }).expect(409);
    const reviews = await officer.get('/reviews').buffer(true).expect(200);
    expect(
      reviews.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([{ user: 'Practitioner/practitioner-strand', decision: 'confirmed', reviewer: 'adler' }]);
  });

  it('has its cases and decisions again after a restart, and tells nothing of them on the disk', async () => {
    const data = mkdtempSync(join(tmpdir(), 'consentry-restart-'));
    cpSync(join(second.data, 'risk'), join(data, 'risk'), { recursive: true });
    for (const name of ['patients.vault', 'erased.list'])
      cpSync(join(second.data, 'vault', name), join(data, 'vault', name));
    expect(readFileSync(join(data, 'risk', 'cases.sealed'), 'latin1')).not.toContain('strand');
    const again = await startSecond(rig, { config: { data } });
    try {
      const [known] = casesOf(
        await (await api('privacy-officer', {}, again)).get('/cases?state=confirmed').expect(200),
      );
      expect(known).toMatchObject({ user: 'Practitioner/practitioner-strand', decisions: [{ reviewer: 'adler' }] });
    } finally {
      await again.close();
      rmSync(data, { recursive: true, force: true });
    }
  });

  it('knows after a crash what it had learnt, though it had no time to save its profiles', async () => {
    await second.gateway.risk.profiles.sync();
    const data = mkdtempSync(join(tmpdir(), 'consentry-crash-'));
    cpSync(join(second.data, 'risk'), join(data, 'risk'), { recursive: true });
    for (const name of ['patients.vault', 'erased.list'])
      cpSync(join(second.data, 'vault', name), join(data, 'vault', name));
    const again = await startSecond(rig, { config: { data } });
    try {
      const known = second.gateway.risk.engine.features;
      expect(known.total).toBeGreaterThan(10);
      const [user] = [...known.users.keys()];
      expect(again.gateway.risk.engine.features.total).toBe(known.total);
      expect(again.gateway.risk.engine.features.user(user ?? '')).toEqual(known.user(user ?? ''));
      expect(again.gateway.risk.engine.context.sizes).toEqual(second.gateway.risk.engine.context.sizes);
    } finally {
      await again.close();
      rmSync(data, { recursive: true, force: true });
    }
  });

  it('keeps nothing of a patient who is erased', async () => {
    const [known] = casesOf(await (await api('privacy-officer')).get('/cases?state=confirmed'));
    const alerted = second.gateway.risk.queue.find(known?.id ?? '')?.patients[0] ?? '';
    expect(alerted).not.toBe('');
    second.gateway.risk.forget(alerted as PatientId);
    const { body } = await (await api('privacy-officer')).get(`/cases/${known?.id}`).expect(200);
    expect(JSON.stringify((body as { case: object }).case)).not.toContain(alerted);
  });

  it('says what other thresholds would have caught and missed', async () => {
    const officer = await api('privacy-officer');
    const { body } = await officer.get('/what-if').expect(200);
    const { days, curve } = body as { days: number; curve: { threshold: number; caught: number; missed: number }[] };
    expect(days).toBeGreaterThan(0);
    expect(curve.at(0)).toMatchObject({ caught: 1, missed: 0 });
    expect(curve.at(-1)?.threshold).toBeCloseTo(0.98);
    expect(curve.every(({ caught, missed }) => caught + missed === 1)).toBe(true);
  });

  it('tells how the model fares', async () => {
    const officer = await api('privacy-officer');
    const { body } = await officer.get('/status').expect(200);
    expect(body).toMatchObject({
      model: { id: second.gateway.risk.engine.model.id, features: 68, card: { limits: expect.any(Array) } },
      store: { champion: 'shipped' },
      drift: { state: 'learning' },
      threats: { feeds: [] },
      promotion: { approvals: 2, shadowDays: 14 },
    });
  });
});

describe('a gateway that sees five weeks of a house', () => {
  let third: Second;
  const alerted: number[] = [];
  let dripper = '';
  let service: AccessEvent = {};
  const caseOf = (user: string) =>
    third.gateway.risk.queue.list('open', 500).find((each) => each.user === user && each.kind === 'user-day');
  const play = async (call: AccessEvent, time: number): Promise<void> => {
    const event = { ...call, t: new Date(time).toISOString() };
    await third.gateway.risk.assess(event, time as Instant);
    third.gateway.risk.engine.observe(event, time);
  };

  beforeAll(async () => {
    third = await startSecond(rig, {});
    const { engine } = third.gateway.risk;
    const house = { ...usualSimulation, users: 60, patients: 1_400, days: 36, world: 91, seed: 5, misusePerDay: 0 };
    const watched = Date.parse(house.start) + 12 * DAY;
    const perDay = new Map<number, number>();
    let strangers: string[] = [];
    for (const item of simulate(house)) {
      if (item.kind === 'fact') {
        engine.observeContext(item.fact);
        continue;
      }
      const { event, time } = item.told;
      engine.observe(event, time);
      if (event.role === 'service') service = event;
      if (time < watched) continue;
      if (dripper === '' && event.role === 'nurse') {
        dripper = event.user ?? '';
        strangers = [...engine.context.eachPatient()].flatMap(([id]) => {
          const { explanation, links } = engine.links(event, id, time);
          return explanation === undefined && links.length === 0 ? [id] : [];
        });
      }
      // Among the day's own work: four records that nothing ties to the nurse.
      const day = Math.floor(time / DAY);
      const done = perDay.get(day) ?? 0;
      if (event.user !== dripper || done >= 4) continue;
      perDay.set(day, done + 1);
      const patient = strangers.pop() ?? '';
      await play({ ...event, interaction: 'read', type: 'Patient', patient, patients: [patient], query: [] }, time + 1);
      alerted.push(caseOf(dripper)?.score ?? 0);
    }
  }, 120_000);
  afterAll(() => third.close());

  it('has a few strangers a day as one case that rises in the queue over the weeks', async () => {
    const found = caseOf(dripper);
    expect(found?.days.length).toBeGreaterThan(2);
    expect(alerted).toEqual(alerted.toSorted((a, b) => a - b));
    expect(alerted.at(-1)).toBeGreaterThan(alerted.find((score) => score > 0) ?? 1);
    const listed = await (await api('privacy-officer', {}, third)).get('/cases?limit=500').expect(200);
    expect(casesOf(listed).filter(({ user }) => user === dripper)).toHaveLength(1);
  });

  it('has a service account that looks people up by name from a desk as a case', async () => {
    const { engine } = third.gateway.risk;
    const seat = { ip: '203.0.113.40', device: 'laptop-7', agent: 'Mozilla/5.0' };
    const evening = Date.parse(service.t ?? '') + 3_600_000;
    for (const [n, [patient]] of [...engine.context.eachPatient()].slice(0, 6).entries()) {
      const person: AccessEvent = { ...service, ...seat, type: 'Patient', patients: [patient] };
      await play({ ...person, interaction: 'search', patient: null, query: ['name'] }, evening + n * 60_000);
      await play({ ...person, interaction: 'read', patient }, evening + n * 60_000 + 20_000);
    }
    expect(caseOf(service.user ?? '')?.reasons).toContain('A service account used like a person.');
  });
});

describe('models over the API', () => {
  it('answers 503 while the ledger takes no entry, and comes into force once it does', async () => {
    let full = false;
    const files = flakyFiles(() => full);
    const third = await startSecond(rig, { ledgerFiles: files });
    try {
      const officer = await api('privacy-officer', {}, third);
      full = true;
      const refused = await officer.post('/models/challenger', model(9)).expect(503);
      expect(codeOf(refused)).toBe('ledger-unavailable');
      expect(third.gateway.risk.engine.status().challenger).toBeUndefined();
      full = false;
      const { hash } = model(9) as { hash: string };
      let status = 0;
      for (let tries = 0; status !== 200 && tries < 100; tries++) {
        status = (await third.get('/Patient/patient-ada', 'clinician')).status;
        await new Promise((resolve) => setImmediate(resolve));
      }
      // Asked again, it is there: the change was kept.
      await officer.post('/models/challenger', model(9)).expect(409);
      expect(third.gateway.risk.engine.status().challenger).toBe(`risk-${hash.slice(0, 16)}`);
    } finally {
      await third.close();
    }
  });

  const model = (seed: number): object =>
    JSON.parse(
      writeModel({ ...emptyParts, seed, card: { trainedOn: 'nothing', window: 'none', metrics: [], limits: [] } }),
    ) as object;

  it('run beside first, come into use by two people after their days, are in the ledger, and go back in one step', async () => {
    let ahead = 0;
    const third = await startSecond(rig, { clock: { now: () => (Date.now() + ahead) as never } });
    try {
      const one = await api('privacy-officer', {}, third);
      const shipped = third.gateway.risk.engine.model.id;
      expect(codeOf(await one.post('/models/challenger', { format: 'other' }).expect(409))).toBe('promotion-refused');
      await one.post('/models/challenger', model(7)).expect(200);
      const { hash } = model(7) as { hash: string };
      await third.get('/Patient/patient-ada', 'clinician').expect(200);
      const beside = (await one.get('/status')).body as { challenger: { id: string; shadow: { calls: number } } };
      expect(beside.challenger).toMatchObject({ id: `risk-${hash.slice(0, 16)}`, shadow: { calls: 1 } });
      expect(codeOf(await one.post('/models/promotion', { model: hash }).expect(409))).toBe('promotion-refused');
      await one.post('/models/promotion', { model: 'x' }).expect(400);
      ahead = 15 * 86_400_000;
      expect(third.gateway.risk.models.store.status().challenger?.model).toBe(hash);
      const officer = (user: string) => ({ user, issuer: 'https://issuer', client: 'console' });
      expect(await third.gateway.risk.models.promote(hash, officer('adler'))).toMatchObject({ state: 'waiting' });
      expect(await third.gateway.risk.models.promote(hash, officer('adler'))).toMatchObject({ state: 'waiting' });
      expect(third.gateway.risk.engine.model.id).toBe(shipped);
      expect(await third.gateway.risk.models.promote(hash, officer('brook'))).toMatchObject({ state: 'promoted' });
      expect(third.gateway.risk.engine.model.hash).toBe(hash);
      ahead = 0;
      await one.post('/models/rollback', {}).expect(200);
      expect(third.gateway.risk.engine.model.id).toBe(shipped);
      await one.post('/models/rollback', {}).expect(409);
      const entries = await third.gateway.ledger.query({ kinds: ['model'], limit: 10 });
      const texts = await Promise.all(
        entries.map(async (index) => (await third.gateway.ledger.open(index))?.entry.story[0]?.rule),
      );
      expect(texts).toEqual(['model:rollback', 'model:promotion', 'model:challenger']);
    } finally {
      await third.close();
    }
  });
});
