import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type PolicyRig, startPolicyRig } from './policy-rig.ts';

let rig: PolicyRig;
beforeAll(async () => {
  rig = await startPolicyRig();
});
afterAll(() => rig.stop());

const textOf = (name: string): string => readFileSync(join(rig.folder, name), 'utf8');
const hash = (): string => rig.policies.current()?.hash ?? '';
/** Reception loses photographs: narrower. */
const narrower = () => [
  { name: 'front-desk.yaml', text: textOf('front-desk.yaml').replace('rules:', 'without: [Schedule]\nrules:') },
];
/** The specialist gains plan numbers: wider. */
const wider = () => [
  {
    name: 'specialist.yaml',
    text: textOf('specialist.yaml').replace('classes: [Plan numbers]', 'paths: [Coverage.subscriberId]'),
  },
];
const patient =
  '{"resourceType":"Patient","id":"p1","gender":"female","birthDate":"1950-03-04","multipleBirthInteger":1}';
const problemOf = (body: Record<string, unknown>) =>
  (body.issue as { details: { coding: { code: string }[] } }[])[0]?.details.coding[0]?.code;

const propose = async (who: string, changes: object[], more: object = {}): Promise<string> => {
  const { status, body } = await rig.call(who, 'POST', '/proposals', { changes, reason: 'as agreed', ...more });
  expect({ status, issue: body.issue }).toEqual({ status: 201, issue: undefined });
  return String(body.id);
};
const approve = (who: string, id: string) => rig.call(who, 'POST', `/proposals/${id}/approve`, { reason: 'seen' });

describe('who may ask', () => {
  it('is an officer; an auditor and the operator look, and nobody else does', async () => {
    const change = { changes: narrower(), reason: 'x' };
    for (const [who, look, act] of [
      ['adler', 200, 201],
      ['audit', 200, 403],
      ['operator', 200, 403],
      ['doctor', 403, 403],
      ['stranger', 401, 401],
    ] as const) {
      expect([who, (await rig.call(who, 'GET', '')).status]).toEqual([who, look]);
      expect([who, (await rig.call(who, 'POST', '/check', {})).status]).toEqual([who, look]);
      const acted = await rig.call(who, 'POST', '/proposals', change);
      expect([who, acted.status]).toEqual([who, act]);
      if (act === 201) await rig.call(who, 'POST', `/proposals/${String(acted.body.id)}/withdraw`, {});
      else expect((await rig.call(who, 'POST', '/rollback', { reason: 'x' })).status).toBe(act);
    }
  });
});

describe('a look', () => {
  it('lists the set in force with its hash, and gives one policy as it is written', async () => {
    const { body } = await rig.call('audit', 'GET', '');
    expect(body).toMatchObject({ hash: hash(), faults: [] });
    expect(body.files).toContain('clinician.yaml');
    expect(body.files).not.toContain('roles.yaml');
    expect((await rig.call('audit', 'GET', '/files/clinician.yaml')).body).toEqual({
      name: 'clinician.yaml',
      text: textOf('clinician.yaml'),
    });
    expect((await rig.call('audit', 'GET', '/files/..%2f..%2fpackage.json')).status).toBe(404);
  });

  it('says where a draft is wrong and which name was meant', async () => {
    const changes = [{ name: 'clinician.yaml', text: textOf('clinician.yaml').replace('[SSN]', '[SNS]') }];
    const { body } = await rig.call('adler', 'POST', '/check', { changes });
    expect(body).toMatchObject({
      ok: false,
      faults: [{ file: 'clinician.yaml', line: 12, column: 15, nearest: 'SSN', severity: 'error' }],
    });
  });

  it('tells of rules that contradict each other', async () => {
    const text = `${textOf('clinician.yaml').trimEnd()}\n  - id: clinician-ssn-twice\n    classes: [SSN]\n    method: keep\n`;
    const { body } = await rig.call('adler', 'POST', '/check', { changes: [{ name: 'clinician.yaml', text }] });
    expect(body).toMatchObject({ ok: true });
    expect(JSON.stringify(body.faults)).toContain('`partial` of `clinician-ssn` holds');
  });

  it('refuses drafts that leave the folder or reach what is no masking policy', async () => {
    for (const name of [
      '../x.yaml',
      'roles.yaml',
      'consent.yaml',
      '.history/000001.json',
      '/etc/x.yaml',
      'a/../b.yaml',
    ])
      expect((await rig.call('adler', 'POST', '/check', { changes: [{ name, text: '' }] })).body).toMatchObject({
        ok: false,
        faults: [{ file: name }],
      });
  });

  it('previews a resource per role, each masked element with rule and line, the rest as it was written', async () => {
    const resource = patient.replace('"gender":', '"gender" : ');
    const { body } = await rig.call('adler', 'POST', '/preview', {
      roles: ['clinician', 'safe-harbor', 'nobody'],
      resource,
    });
    const [clinician, harbor, nobody] = body.previews as Record<string, unknown>[];
    expect(clinician).toMatchObject({ ok: true, masked: resource, elements: [] });
    expect(harbor).toMatchObject({ ok: true });
    expect(harbor?.masked).not.toContain('1950-03-04');
    expect(harbor?.elements).toContainEqual(
      expect.objectContaining({
        path: 'Patient.birthDate',
        rule: expect.any(String),
        file: expect.any(String),
        line: expect.any(Number),
      }),
    );
    expect(nobody).toMatchObject({ ok: false, why: 'input' });
  });

  it('tells coverage by rule and by row of Safe Harbor', async () => {
    const { body } = await rig.call('audit', 'POST', '/coverage', { role: 'safe-harbor' });
    expect((body.rows as { covered: boolean }[]).filter(({ covered }) => covered)).toHaveLength(18);
    expect(body.rules).toContainEqual(expect.objectContaining({ rule: 'clinician-ssn', tested: true }));
  });

  it('tells how well patients could be told apart before masking and after, as figures and as a page', async () => {
    const patients = Array.from({ length: 12 }, (_, at) => ({
      resourceType: 'Patient',
      gender: 'female',
      birthDate: `1960-01-${10 + at}`,
    }));
    const { status, body } = await rig.call('audit', 'POST', '/reidentification', { role: 'safe-harbor', patients });
    expect(status).toBe(200);
    expect(body).toMatchObject({ report: { before: { unique: 1 }, after: { unique: 0, people: 12 } } });
    expect(body.page).toMatch(/^<!doctype html>[\s\S]*<svg/i);
    const nobody = await rig.call('audit', 'POST', '/reidentification', { role: 'nobody', patients });
    expect(nobody.body).not.toHaveProperty('report');
    expect((await rig.call('audit', 'POST', '/reidentification', { role: 'safe-harbor', patients: [] })).status).toBe(
      400,
    );
  });

  it('sets roles against element classes', async () => {
    const { body } = await rig.call('audit', 'POST', '/matrix', {});
    const rows = body.rows as {
      role: string;
      purpose: string;
      cells: { class: string; strictest: string; rules: object[] }[];
    }[];
    const cell = (role: string, name: string) =>
      rows.find((row) => row.role === role)?.cells.find((each) => each.class === name);
    expect(cell('clinician', 'SSN')).toMatchObject({
      strictest: 'partial',
      rules: [{ id: 'clinician-ssn', line: 10 }],
    });
    expect(cell('clinician', 'Names')).toMatchObject({ mildest: 'keep', strictest: 'keep', rules: [] });
    expect(cell('researcher', 'Dates')).toMatchObject({ strictest: 'date-shift' });
    expect(cell('researcher', 'Birth dates')).toMatchObject({
      strictest: 'date-shift',
      rules: [{ id: 'research-dates' }],
    });
  });
});

describe('policies that the gateway may not write', () => {
  it('are served, and a change of them is refused with where to make it', async () => {
    const book = join(rig.folder, '.proposals');
    rmSync(book, { recursive: true, force: true });
    // A file where the folder should be stops root too.
    writeFileSync(book, '');
    expect((await rig.call('audit', 'GET', '')).status).toBe(200);
    const change = { changes: narrower(), reason: 'as agreed' };
    const { status, body } = await rig.call('adler', 'POST', '/proposals', change);
    expect([status, problemOf(body)]).toEqual([409, 'policy-read-only']);
    rmSync(book);
    const { body: proposal } = await rig.call('adler', 'POST', '/proposals', change);
    expect((await rig.call('adler', 'POST', `/proposals/${String(proposal.id)}/withdraw`, {})).status).toBe(200);
  });
});

describe('a replay', () => {
  it('holds the decisions of the ledger against a draft, by role and client, and names nobody', async () => {
    const reads = (user: string, resource: string) => ({
      actor: { user, issuer: 'i', client: 'ward-app', roles: ['clinician'] },
      purpose: 'TREAT',
      resources: [resource],
      interaction: { kind: 'read', type: 'Patient', id: 'p1' },
    });
    await rig.decided(reads('okafor', 'Patient/p1/_history/1'));
    await rig.decided(reads('strand', 'Patient/p1/_history/1'));
    const text = `${textOf('clinician.yaml').trimEnd()}\n  - id: clinician-marital\n    paths: [Patient.maritalStatus]\n    method: remove\n`;
    const {
      status,
      body,
      text: told,
    } = await rig.call('audit', 'POST', '/replay', {
      changes: [{ name: 'clinician.yaml', text }],
      days: 1,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ ok: true, complete: true, unreadable: 0, unjudged: 0, denied: [], exposed: [] });
    expect(body.hidden).toEqual([
      expect.objectContaining({ role: 'clinician', client: 'ward-app', type: 'Patient', calls: 2, resources: 2 }),
    ]);
    expect(told).not.toMatch(/okafor|strand|p1/);
  });

  it('says why a draft cannot be held against anything', async () => {
    const changes = [{ name: 'clinician.yaml', text: 'policy: [' }];
    expect((await rig.call('audit', 'POST', '/replay', { changes })).body).toMatchObject({ ok: false });
  });
});

describe('a preview kept as a test', () => {
  it('comes back as a change of the test file for the draft', async () => {
    const { body } = await rig.call('adler', 'POST', '/test-case', {
      name: 'Ada',
      role: 'clinician',
      resource: patient,
    });
    expect(body).toMatchObject({ ok: true, saved: { ok: true, change: { name: expect.stringContaining('tests/') } } });
  });
});

describe('a change', () => {
  it('that narrows needs one other officer, holds at once, and is told by the ledger', async () => {
    const before = hash();
    const id = await propose('adler', narrower());
    expect((await rig.call('berg', 'GET', `/proposals/${id}`)).body).toMatchObject({ state: 'open', needed: 1 });
    expect(problemOf((await approve('adler', id)).body)).toBe('policy-own-approval');
    expect(hash()).toBe(before);
    expect((await approve('berg', id)).body).toMatchObject({
      state: 'in-force',
      approvers: ['https://issuer.example#berg'],
    });
    expect(hash()).not.toBe(before);
    expect(textOf('front-desk.yaml')).toContain('without: [Schedule]');
    const told = rig.entries.filter(({ kind }) => kind === 'policy').slice(-3);
    expect(told.map(({ story, actor }) => [story[0]?.rule, actor?.user])).toEqual([
      ['policy:proposed', 'adler'],
      ['policy:approved', 'berg'],
      ['policy:in-force', 'berg'],
    ]);
    expect(told.map(({ policy }) => policy?.hash)).toEqual([hash(), hash(), hash()]);
  });

  it('that widens needs two, and nobody counts twice', async () => {
    const before = hash();
    const id = await propose('adler', wider());
    const { body } = await rig.call('adler', 'GET', `/proposals/${id}`);
    expect(body).toMatchObject({ needed: 2 });
    expect(JSON.stringify(body.effects)).toContain('Specialist (TREAT) gains Coverage.dependent');
    expect((await approve('berg', id)).body).toMatchObject({ state: 'open' });
    expect(problemOf((await approve('berg', id)).body)).toBe('policy-own-approval');
    expect(hash()).toBe(before);
    expect((await approve('cohen', id)).body).toMatchObject({ state: 'in-force' });
    expect(hash()).not.toBe(before);
  });

  it('is taken back by one officer', async () => {
    const text = textOf('specialist.yaml');
    const { status, body } = await rig.call('berg', 'POST', '/rollback', { reason: 'a complaint' });
    expect({ status, by: body.by, reason: body.reason }).toEqual({
      status: 200,
      by: 'https://issuer.example#berg',
      reason: 'rollback to version 2: a complaint',
    });
    expect(textOf('specialist.yaml')).not.toBe(text);
    expect((await rig.call('audit', 'GET', '/history')).body.versions).toMatchObject([
      { number: 1, reason: 'first known version' },
      { number: 2, reason: 'as agreed', approvals: [{ approver: 'https://issuer.example#berg' }] },
      { number: 3, approvals: [{}, {}] },
      { number: 4, by: 'https://issuer.example#berg', hash: expect.any(String) },
    ]);
    expect(rig.entries.at(-1)).toMatchObject({ kind: 'policy', policy: { hash: hash() }, reason: 'a complaint' });
  });

  it('with a red test is not even proposed', async () => {
    const text = textOf('clinician.yaml').replace('[SSN]', '[SSN, Names]');
    const before = [rig.entries.length, hash()];
    const { status, body } = await rig.call('adler', 'POST', '/proposals', {
      changes: [{ name: 'clinician.yaml', text }],
      reason: 'x',
    });
    expect([status, problemOf(body)]).toEqual([422, 'policy-invalid']);
    expect(JSON.stringify(body)).toContain('The test \\"');
    expect([rig.entries.length, hash()]).toEqual(before);
  });

  it('that others overtook is not put in force', async () => {
    const first = await propose('adler', wider());
    const second = await propose('adler', [
      { name: 'front-desk.yaml', text: textOf('front-desk.yaml').replace('[Schedule]', '[Schedule, Slot]') },
    ]);
    await approve('berg', first);
    expect((await approve('berg', second)).body).toMatchObject({ state: 'in-force' });
    const late = await approve('cohen', first);
    expect([late.status, problemOf(late.body)]).toEqual([409, 'policy-overtaken']);
    expect(textOf('specialist.yaml')).toContain('Plan numbers');
  });

  it('takes effect when it is to, also after a restart, and not before', async () => {
    const changes = [{ name: 'front-desk.yaml', text: textOf('front-desk.yaml').replace(', Slot]', ']') }];
    const before = hash();
    const id = await propose('adler', changes, { effectiveFrom: '2026-11-23T08:00:00Z' });
    expect((await approve('berg', id)).body).toMatchObject({ state: 'scheduled' });
    await rig.restart();
    expect(hash()).toBe(before);
    const changed = new Promise<void>((resolve) => rig.policies.onChange(() => resolve()));
    rig.at('2026-11-23T08:00:01Z');
    await changed;
    expect(hash()).not.toBe(before);
  });

  it('does not happen when the ledger cannot be written', async () => {
    const before = hash();
    const id = await propose('adler', [
      { name: 'front-desk.yaml', text: `${textOf('front-desk.yaml')}# The photo is of no use.\n` },
    ]);
    rig.breakLedger(true);
    const refused = await approve('berg', id);
    const back = await rig.call('berg', 'POST', '/rollback', { reason: 'x' });
    rig.breakLedger(false);
    expect([refused.status, back.status, hash()]).toEqual([503, 503, before]);
    await rig.call('adler', 'POST', `/proposals/${id}/withdraw`, {});
    expect((await approve('berg', id)).status).toBe(409);
  });

  it('made in the folder by hand is told by the ledger too, and a broken one leaves the last good set', async () => {
    const good = textOf('front-desk.yaml');
    const changed = new Promise<void>((resolve) => rig.policies.onChange(() => resolve()));
    writeFileSync(join(rig.folder, 'front-desk.yaml'), `${good}# seen by nobody\n`);
    await changed;
    const told = () => rig.entries.at(-1);
    await expectSoon(() => told()?.story[0]?.rule === 'policy:folder-changed' && told()?.policy?.hash === hash());
    const before = hash();
    writeFileSync(join(rig.folder, 'front-desk.yaml'), 'policy: [\n');
    await expectSoon(() => rig.policies.faults().length > 0);
    expect(hash()).toBe(before);
    expect((await rig.call('audit', 'GET', '')).body).toMatchObject({
      hash: before,
      faults: [expect.any(String), expect.any(String)],
    });
    // What is in force is the ground for the next change: a rollback mends the folder.
    expect((await rig.call('berg', 'POST', '/rollback', { reason: 'mend' })).status).toBe(200);
    expect(rig.policies.faults()).toEqual([]);
  });
});

const expectSoon = async (holds: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 500 && !holds(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).toBe(true);
};
