import { afterEach, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import type { ClientId, Principal, PurposeOfUse, Role, UserId } from '../../src/domain/identity/principal.ts';
import { parseRolePolicy } from '../../src/domain/policy/role-policy.ts';
import type { PolicySnapshot } from '../../src/domain/policy/snapshot.ts';
import { type Asker, consoleAccess, meRoutes } from '../../src/http/console-access.ts';

const roleFile = `kind: roles
roles:
  officer: { purposes: [HCOMPL], read: [], write: [], console: [system, overview] }
  reviewer: { purposes: [HCOMPL], read: [], write: [], console: [risk] }
  doctor: { purposes: [TREAT], read: all, write: [] }
`;
const parsed = parseRolePolicy({ name: 'roles.yaml', text: roleFile });
const policy = { roles: parsed.ok ? parsed.policy : undefined } as PolicySnapshot;

const principal = (changes: Partial<Principal>): Principal => ({
  user: 'u1' as UserId,
  issuer: 'https://login.example',
  client: 'console' as ClientId,
  roles: [],
  purpose: 'HCOMPL' as PurposeOfUse,
  scopes: [],
  ...changes,
});
const roles = (...names: readonly string[]): Principal =>
  principal({ roles: names as readonly string[] as readonly Role[] });

let app: FastifyInstance;
const serve = (asker: Asker | undefined, current: PolicySnapshot | undefined = policy): void => {
  app = Fastify();
  const parts = { policies: { current: () => current }, asker: async () => asker };
  meRoutes(app, parts);
  const opens = consoleAccess(parts);
  app.get('/system', async (request, reply) => {
    const who = await opens(request, reply, 'system');
    return who === undefined ? reply : { who: who === 'operator' ? who : who.user };
  });
};
const get = (url: string) => app.inject({ method: 'GET', url });
afterEach(() => app.close());

describe('the guard of the gateway API behind a page', () => {
  it('lets in whom a role opens the page to, and the operator of this machine', async () => {
    serve(roles('doctor', 'officer'));
    expect((await get('/system')).json()).toEqual({ who: 'u1' });
    await app.close();
    serve('operator');
    expect((await get('/system')).json()).toEqual({ who: 'operator' });
  });

  it.each([
    ['nobody', undefined, 401],
    ['somebody without a role', roles(), 403],
    ['a role that opens other pages', roles('reviewer'), 403],
    ['a role that opens none', roles('doctor'), 403],
    ['a role that no policy names', roles('admin', 'constructor', '__proto__'), 403],
  ])('keeps out %s', async (_who, asker, status) => {
    serve(asker);
    const answer = await get('/system');
    expect([answer.statusCode, answer.json().resourceType]).toEqual([status, 'OperationOutcome']);
  });

  it('keeps everybody out while no policy is loaded', async () => {
    app = Fastify();
    const parts = { policies: { current: () => undefined }, asker: async () => roles('officer') };
    meRoutes(app, parts);
    const opens = consoleAccess(parts);
    app.get('/system', async (request, reply) => ((await opens(request, reply, 'system')) === undefined ? reply : {}));
    expect([(await get('/system')).statusCode, (await get('/api/v1/me')).statusCode]).toEqual([503, 503]);
  });
});

describe('GET /api/v1/me', () => {
  it('tells who the token says the caller is, and the pages of all their roles in the order of the console', async () => {
    serve(principal({ roles: ['reviewer', 'officer'] as unknown as readonly Role[], organisation: 'Organization/o1' }));
    expect((await get('/api/v1/me')).json()).toEqual({
      user: 'u1',
      client: 'console',
      organisation: 'Organization/o1',
      roles: ['reviewer', 'officer'],
      purpose: 'HCOMPL',
      pages: ['overview', 'risk', 'system'],
    });
  });

  it('tells a patient which record is theirs, and a guardian which they stand for', async () => {
    serve(principal({ fhirUser: 'Patient/p1' }));
    expect((await get('/api/v1/me')).json()).toMatchObject({ patient: 'p1', pages: [] });
    await app.close();
    serve(principal({ fhirUser: 'RelatedPerson/r1', launchPatient: 'p2' as PatientId }));
    expect((await get('/api/v1/me')).json()).toMatchObject({ patient: 'p2', guardian: true });
  });

  it('knows no record of a clinician who opened one', async () => {
    serve(principal({ fhirUser: 'Practitioner/d1', launchPatient: 'p2' as PatientId }));
    expect((await get('/api/v1/me')).json()).not.toHaveProperty('patient');
  });

  it('tells nobody anything without a token', async () => {
    serve(undefined);
    expect((await get('/api/v1/me')).statusCode).toBe(401);
  });
});

describe('the pages of a role in roles.yaml', () => {
  it('are refused with their line when no such page is known', () => {
    const faulty = parseRolePolicy({ name: 'roles.yaml', text: roleFile.replace('[risk]', '[risks]') });
    expect(faulty).toMatchObject({ ok: false, faults: [{ line: 4, nearest: 'risk' }] });
  });
});
