import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import supertest from 'supertest';
import { auditFolder } from '../../src/adapters/store/folder-audit.ts';
import { operatorAccess } from '../../src/app/operator.ts';
import { erasureCommands } from '../../src/cli/erasure.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import { codeOf, type Rig, startRig } from './rig.ts';
import { startSecond } from './second-gateway.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
}, 60_000);
afterAll(() => rig.close());

const ada = 'patient-ada' as PatientId;
const ask = async (
  url: string,
  method: 'get' | 'post',
  path: string,
  persona: string | undefined,
  body?: object,
): Promise<supertest.Response> => {
  const call = supertest(url)[method](`/api/v1/${path}`).set('content-type', 'application/json');
  if (persona !== undefined) void call.set('authorization', `Bearer ${await rig.token(persona)}`);
  return body === undefined ? call : call.send(body);
};

describe('erasure', () => {
  it('is for privacy officers, wants the id twice, and a hold refuses it with its reason', async () => {
    const { url } = rig.demo.gateway;
    const both = { patient: ada, confirm: ada };
    expect((await ask(url, 'post', 'erasures', undefined, both)).status).toBe(401);
    for (const persona of ['clinician', 'patient', 'researcher'])
      for (const [method, path, body] of [
        ['post', 'erasures', both],
        ['get', 'legal-holds', undefined],
        ['post', 'legal-holds', { patient: ada, reason: 'x' }],
        ['post', 'legal-holds/lift', { patient: ada }],
        ['get', 'retention', undefined],
        ['post', 'retention', { origin: 'x', confirm: 'x' }],
      ] as const)
        expect((await ask(url, method, path, persona, body)).status).toBe(403);
    for (const body of [
      { patient: ada },
      { patient: ada, confirm: 'patient-noor' },
      { patient: '../x', confirm: '../x' },
    ])
      expect((await ask(url, 'post', 'erasures', 'privacy-officer', body)).status).toBe(400);
    const hold = { patient: ada, reason: 'Claim 12 is before the court.', until: '2099-01-01' };
    expect((await ask(url, 'post', 'legal-holds', 'privacy-officer', hold)).status).toBe(201);
    const holds = await ask(url, 'get', 'legal-holds', 'privacy-officer');
    expect(holds.body).toEqual({ holds: [{ ...hold, until: '2099-01-01T00:00:00.000Z' }] });
    const held = await ask(url, 'post', 'erasures', 'privacy-officer', both);
    expect([held.status, codeOf(held)]).toEqual([409, 'legal-hold']);
    expect(held.text).toContain('Claim 12 is before the court.');
    expect(rig.demo.gateway.vault.keyOf(ada)).toBeDefined();
    expect((await ask(url, 'post', 'legal-holds/lift', 'privacy-officer', { patient: ada })).status).toBe(200);
    const { logs } = (await ask(url, 'get', 'retention', 'privacy-officer')).body;
    expect(logs).toMatchObject([{ state: 'open' }]);
    const [{ origin }] = logs;
    const kept = await ask(url, 'post', 'retention', 'privacy-officer', { origin, confirm: origin });
    expect([kept.status, codeOf(kept)]).toEqual([409, 'retention']);
    for (const [body, status] of [
      [{ origin, confirm: 'x' }, 400],
      [{ origin: 'x', confirm: 'x' }, 404],
    ] as const)
      expect((await ask(url, 'post', 'retention', 'privacy-officer', body)).status).toBe(status);
  });

  it('makes what the ledger knew unreadable, closes the consents, keeps every proof, and is an entry without a name', async () => {
    const second = await startSecond(rig, {});
    const { gateway } = second;
    try {
      const read = await second.get('/Patient/patient-ada', 'clinician').expect(200);
      const request = read.headers['x-request-id'] ?? '';
      await gateway.records?.settled();
      expect((await gateway.ledger.find(request))?.entry.patients).toEqual([ada]);
      const done = await ask(gateway.url, 'post', 'erasures', 'privacy-officer', { patient: ada, confirm: ada });
      expect(done.status).toBe(200);
      expect(done.body).toEqual({ id: expect.any(String), entries: 2 });
      expect(await gateway.ledger.find(request)).toBeUndefined();
      const [at = -1] = await gateway.ledger.query({ kinds: ['erasure'], limit: 1 });
      expect((await gateway.ledger.open(at))?.entry).toMatchObject({ patients: [], actor: { user: 'adler' } });
      expect((await second.get('/Patient/patient-ada', 'clinician')).status).toBe(403);
      await gateway.ledger.integrate();
      expect(await auditFolder({ folder: join(second.data, 'ledger'), payloadKeys: gateway.vault })).toMatchObject({
        ok: true,
      });
    } finally {
      await second.close();
    }
  });

  it('is done again when a backup of the vault, its list of erasures included, is put back', async () => {
    const first = await startSecond(rig, {});
    const { data } = first;
    await first.get('/Patient/patient-ada', 'clinician').expect(200);
    cpSync(join(data, 'vault'), join(data, 'backup'), { recursive: true });
    await ask(first.gateway.url, 'post', 'erasures', 'privacy-officer', { patient: ada, confirm: ada });
    await first.gateway.close();
    for (const name of ['patients.vault', 'erased.list']) cpSync(join(data, 'backup', name), join(data, 'vault', name));
    const second = await startSecond(rig, { config: { data } });
    try {
      expect(second.gateway.vault.keyOf(ada)).toBeUndefined();
      expect(await second.gateway.ledger.query({ kinds: ['erasure'], limit: 9 })).toHaveLength(2);
    } finally {
      await second.close();
      await first.close().catch(() => undefined);
    }
  });

  it('is a command for the operator of the machine', async () => {
    const lines: string[] = [];
    const told = (text: string): void => void lines.push(text);
    const out = jest.spyOn(console, 'log').mockImplementation(told);
    const complaints = jest.spyOn(console, 'error').mockImplementation(told);
    const run = async (...words: readonly string[]): Promise<number | undefined> => {
      process.exitCode = 0;
      const command = erasureCommands(operatorAccess).find((each) => each.name() === words[0]);
      await command?.exitOverride().parseAsync([...words.slice(1), '--data', rig.state], { from: 'user' });
      const code = process.exitCode;
      process.exitCode = 0;
      return Number(code);
    };
    try {
      expect(await run('hold', '--patient', 'patient-ben', '--reason', 'A court asks.')).toBe(0);
      expect(await run('erase', '--patient', 'patient-ben', '--confirm', 'patient-ben')).toBe(1);
      expect(await run('lift', '--patient', 'patient-ben')).toBe(0);
      expect(await run('erase', '--patient', 'patient-ben', '--confirm', 'patient-ben', '--json')).toBe(0);
      expect(await run('holds')).toBe(0);
      await expect(run('erase', '--patient', 'a', '--confirm', 'b')).rejects.toThrow('--confirm');
      expect(await run('retire')).toBe(0);
      const { origin } = rig.demo.gateway.ledger;
      expect(await run('retire', '--origin', origin, '--confirm', origin)).toBe(1);
      await expect(run('retire', '--origin', origin)).rejects.toThrow('--confirm');
    } finally {
      out.mockRestore();
      complaints.mockRestore();
    }
    expect(lines[0]).toBe('patient-ben  until it is lifted  A court asks.');
    expect(lines[1]).toBe('A court asks.');
    expect(JSON.parse(lines[3] ?? '')).toMatchObject({ ok: true });
    expect(lines[4]).toBe('There are none.');
    expect(lines[5]).toMatch(/ entries {2}open$/);
    expect(lines[6]).toContain('still written to');
  });
});
