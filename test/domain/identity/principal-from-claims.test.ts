import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { principalFromClaims } from '../../../src/domain/identity/principal-from-claims.ts';

const claims = {
  iss: 'https://issuer.example',
  sub: 'dr',
  client_id: 'app',
  roles: ['clinician'],
  purpose_of_use: 'TREAT',
  scope: 'user/Observation.rs',
};

const refused = { code: 'auth-token-invalid' };

describe('the claims of a verified token', () => {
  it('become a principal', () => {
    const principal = principalFromClaims({
      ...claims,
      fhirUser: 'https://fhir.example/r4/Practitioner/p1',
      organization: 'Organization/o1',
      patient: 'pat-1',
      study: 'ResearchStudy/s1',
      acr: 'mfa',
      auth_time: 1_700_000_000,
      reason: 'Unconscious on arrival',
    });
    expect(principal).toMatchObject({
      user: 'dr',
      issuer: 'https://issuer.example',
      client: 'app',
      fhirUser: 'Practitioner/p1',
      organisation: 'Organization/o1',
      roles: ['clinician'],
      purpose: 'TREAT',
      launchPatient: 'pat-1',
      study: 'ResearchStudy/s1',
      acr: 'mfa',
      authTime: 1_700_000_000,
      reason: 'Unconscious on arrival',
    });
    expect(Object.isFrozen(principal)).toBe(true);
  });

  it('may leave out what is optional', () => {
    const principal = principalFromClaims(claims);
    expect(Object.keys(principal).sort()).toEqual(['client', 'issuer', 'purpose', 'roles', 'scopes', 'user']);
  });

  it.each([
    ['sub', undefined],
    ['sub', ''],
    ['sub', 7],
    ['sub', 'a\u0000b'],
    ['iss', undefined],
    ['client_id', undefined],
    ['client_id', ['app']],
    ['purpose_of_use', undefined],
    ['purpose_of_use', 'treat'],
    ['purpose_of_use', ['TREAT', 'HRESCH']],
    ['scope', undefined],
    ['scope', 5],
    ['roles', 'x'.repeat(2000)],
    ['roles', { clinician: true }],
    ['roles', ['clinician', 3]],
    ['fhirUser', 'Observation/1'],
    ['fhirUser', 'Practitioner/../Patient/1'],
    ['fhirUser', 'Practitioner/1?x=1'],
    ['organization', 'riverside'],
    ['patient', 'a b'],
    ['patient', 1],
    ['study', 'Group/1'],
    ['auth_time', '1700000000'],
    ['auth_time', Number.NaN],
    ['acr', {}],
    ['reason', 'x'.repeat(1001)],
    ['cnf', { jkt: 'abc' }],
  ])('refuse the token when %s is %p', (name, value) => {
    expect(principalFromClaims({ ...claims, [name]: value })).toEqual(refused);
  });

  it('take azp for client_id, a list for scope and a string for roles, as other issuers write them', () => {
    const { client_id: _client, scope: _scope, ...rest } = claims;
    expect(
      principalFromClaims({ ...rest, azp: 'kc', scp: ['user/Observation.rs'], roles: 'clinician  specialist' }),
    ).toMatchObject({
      client: 'kc',
      roles: ['clinician', 'specialist'],
    });
  });

  it('are found where the configuration says, and in the place of IHE IUA', () => {
    const { roles: _roles, purpose_of_use: _purpose, ...rest } = claims;
    const principal = principalFromClaims(
      {
        ...rest,
        realm_access: { roles: ['billing'] },
        extensions: { ihe_iua: { purpose_of_use: [{ system: 'urn:x', code: 'HPAYMT' }] } },
      },
      { names: { roles: 'realm_access.roles' } },
    );
    expect(principal).toMatchObject({ roles: ['billing'], purpose: 'HPAYMT' });
  });

  it('make a patient of who is one, and nothing of who says no role', () => {
    const { roles: _roles, purpose_of_use: _purpose, ...rest } = claims;
    expect(principalFromClaims({ ...rest, fhirUser: 'Patient/p1' })).toMatchObject({
      roles: ['patient'],
      purpose: 'PATRQT',
    });
    expect(principalFromClaims({ ...rest, purpose_of_use: 'TREAT' })).toMatchObject({ roles: [] });
    expect(principalFromClaims(rest)).toEqual(refused);
    expect(principalFromClaims(rest, { defaultPurpose: 'TREAT' })).toMatchObject({ purpose: 'TREAT' });
  });

  it('never come from a prototype', () => {
    const inherited = Object.create({ roles: ['privacy-officer'] }) as Record<string, unknown>;
    const { roles: _roles, ...rest } = claims;
    expect(principalFromClaims(Object.assign(inherited, rest))).toMatchObject({ roles: [] });
    expect(principalFromClaims(claims, { names: { roles: 'constructor.name' } })).toMatchObject({ roles: [] });
  });

  it('give a principal or a refusal, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(...Object.keys(claims), 'fhirUser', 'patient', 'acr', 'extensions'),
          fc.jsonValue(),
        ),
        (wild) => {
          const result = principalFromClaims({ ...claims, ...wild });
          if ('code' in result) expect(result).toEqual(refused);
          else expect(typeof result.user).toBe('string');
        },
      ),
    );
  });
});
