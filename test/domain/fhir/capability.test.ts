import { describe, expect, it } from '@jest/globals';
import { restrictCapability, smartConfiguration } from '../../../src/domain/fhir/capability.ts';

const bases = { upstreamBase: 'http://internal:8080/fhir', gatewayBase: 'https://gate.example/fhir' };
const encoder = new TextEncoder();

const restricted = (statement: unknown, does = {}): Record<string, unknown> | undefined => {
  const bytes = restrictCapability(encoder.encode(JSON.stringify(statement)), bases, does);
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>);
};

const upstream = {
  resourceType: 'CapabilityStatement',
  status: 'active',
  date: '2026-01-01',
  kind: 'instance',
  software: { name: 'Secret Server', version: '1.2.3' },
  implementation: { url: 'http://internal:8080/fhir' },
  fhirVersion: '4.0.1',
  format: ['xml', 'json'],
  messaging: [{}],
  rest: [
    {
      mode: 'server',
      security: { cors: false },
      resource: [
        {
          type: 'Patient',
          interaction: [{ code: 'read' }, { code: 'weird' }, { code: 'search-type' }],
          conditionalUpdate: true,
          conditionalDelete: 'multiple',
          searchInclude: ['Patient:organization', 'Patient:secret', 'Patient:*'],
          searchParam: [
            { name: 'name', type: 'string' },
            { name: 'vip-flag', type: 'token' },
            { name: '_filter', type: 'string' },
          ],
          operation: [{ name: 'everything' }, { name: '$match' }, { name: 'merge' }, { name: 'export' }],
        },
        { type: 'Nosuch' },
      ],
      interaction: [{ code: 'transaction' }, { code: 'weird' }],
      operation: [{ name: 'graphql' }, { name: 'export' }],
    },
    { mode: 'client' },
  ],
};

describe('restrictCapability', () => {
  it('names what the upstream keeps by the address of the gateway', () => {
    const operation = [
      { name: 'everything', definition: 'http://internal:8080/fhir/OperationDefinition/Patient-i-everything' },
    ];
    const statement = { ...upstream, rest: [{ mode: 'server', resource: [{ type: 'Patient', operation }] }] };
    const text = JSON.stringify(restricted(statement));
    expect(text).toContain('https://gate.example/fhir/OperationDefinition/Patient-i-everything');
    expect(text).not.toContain('internal');
  });

  it('promises what the upstream can do and the gateway will do, and no more', () => {
    expect(restricted(upstream)).toMatchObject({
      implementation: { url: 'https://gate.example/fhir' },
      software: { name: 'Consentry' },
      format: ['application/fhir+json', 'json'],
      rest: [
        {
          mode: 'server',
          security: { cors: true, service: [{ coding: [{ code: 'SMART-on-FHIR' }] }] },
          interaction: [{ code: 'transaction' }],
          resource: [
            {
              type: 'Patient',
              interaction: [{ code: 'read' }, { code: 'search-type' }],
              conditionalUpdate: false,
              conditionalDelete: 'not-supported',
              searchInclude: ['Patient:organization', 'Patient:*'],
              searchParam: [{ name: 'name' }],
              operation: [
                { name: 'everything' },
                { name: '$match' },
                { name: 'export' },
                { name: 'deidentify' },
                { name: 'accounting-of-disclosures' },
                { name: 'cohort-counts' },
              ],
            },
          ],
        },
      ],
    });
    expect(JSON.stringify(restricted(upstream))).not.toMatch(/internal|Secret|xml|messaging|graphql/);
  });

  it('promises conditional writes where the upstream can search and write: criteria are the gateway’s own work', () => {
    const able = ['search-type', 'create', 'update', 'delete'].map((code) => ({ code }));
    const statement = { ...upstream, rest: [{ mode: 'server', resource: [{ type: 'Patient', interaction: able }] }] };
    expect(restricted(statement)).toMatchObject({
      rest: [{ resource: [{ conditionalCreate: true, conditionalUpdate: true, conditionalDelete: 'single' }] }],
    });
  });

  it.each([
    ['another resource', { ...upstream, resourceType: 'Patient' }],
    ['another version', { ...upstream, fhirVersion: '5.0.0' }],
    ['no version', { resourceType: 'CapabilityStatement' }],
    ['a list', [upstream]],
  ])('gives nothing for %s', (_, statement) => {
    expect(restricted(statement)).toBeUndefined();
  });
});

describe('smartConfiguration', () => {
  const capabilities = (issuer: Parameters<typeof smartConfiguration>[0][number]) =>
    smartConfiguration([issuer], bases);

  it('promises a launch only when the issuer has told its endpoints', () => {
    expect(JSON.stringify(capabilities({ issuer: 'https://id.example' }))).not.toMatch(
      /launch-standalone|_endpoint":"https:..id/,
    );
    const told = {
      issuer: 'https://id.example',
      authorizationEndpoint: 'https://id.example/auth',
      tokenEndpoint: 'https://id.example/token',
    };
    expect(capabilities(told)).toMatchObject({
      authorization_endpoint: 'https://id.example/auth',
      code_challenge_methods_supported: ['S256'],
      capabilities: expect.arrayContaining(['launch-standalone', 'permission-v2']),
    });
  });
});
