import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createIssuerDirectory } from '../../../src/adapters/identity/issuer-directory.ts';
import { startSandboxIssuer } from '../../../src/adapters/identity/sandbox-issuer.ts';

describe('the directory of issuers', () => {
  it('learns the endpoints of an OpenID provider', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'directory-'));
    const { issuer, close } = await startSandboxIssuer({
      port: 0,
      keyFile: join(folder, 'keys.json'),
      gatewayAudience: 'http://gateway.example/fhir',
    });
    try {
      const directory = createIssuerDirectory([{ issuer }]);
      await directory.refresh();
      expect(directory.current()).toEqual([
        {
          issuer,
          jwksUri: `${issuer}/jwks`,
          authorizationEndpoint: `${issuer}/authorize`,
          tokenEndpoint: `${issuer}/token`,
          registrationEndpoint: `${issuer}/register`,
          revocationEndpoint: expect.stringContaining(issuer),
          endSessionEndpoint: `${issuer}/session/end`,
        },
      ]);
    } finally {
      await close();
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    [
      'speaks for another issuer',
      (issuer: string) => JSON.stringify({ issuer: `${issuer}x`, token_endpoint: `${issuer}/token` }),
    ],
    ['is not JSON', () => '<html>'],
    ['names no web addresses', (issuer: string) => JSON.stringify({ issuer, token_endpoint: 'javascript:alert(1)' })],
  ])('believes nothing of a document that %s', async (_name, document) => {
    let issuer = '';
    const server = createServer((_request, response) => response.end(document(issuer)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const directory = createIssuerDirectory([{ issuer, jwksUri: 'https://keys.example' }]);
    await directory.refresh();
    expect(directory.current()).toEqual([{ issuer, jwksUri: 'https://keys.example' }]);
    await new Promise((resolve) => server.close(resolve));
    await directory.refresh();
    expect(directory.current()).toEqual([{ issuer, jwksUri: 'https://keys.example' }]);
  });
});
