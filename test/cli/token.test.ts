import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { openSigningKeys, readSigningKeys } from '../../src/adapters/identity/signing-keys.ts';
import { readPersonas } from '../../src/adapters/upstream/demo-fixtures.ts';
import { keyFileName, tokenCommand } from '../../src/cli/token.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-'));
  await openSigningKeys(join(folder, keyFileName), 'http://127.0.0.1:8081', 'http://127.0.0.1:8080/fhir');
});
afterAll(() => rm(folder, { recursive: true }));

const run = async (...args: string[]) => {
  const out: string[] = [];
  const err: string[] = [];
  let exitCode = 0;
  const command = tokenCommand({
    personas: readPersonas,
    mint: async (keyFile, claims, seconds) => (await readSigningKeys(keyFile)).mint(claims, seconds),
    now: () => new Date(),
    print: (text) => out.push(text),
    printError: (text) => err.push(text),
    setExitCode: (code) => {
      exitCode = code;
    },
    defaultData: folder,
  });
  await command.parseAsync(args, { from: 'user' });
  return { out, err, exitCode };
};

describe('consentry token', () => {
  it('prints a token and nothing else', async () => {
    const { out, exitCode } = await run(
      '--user',
      'u',
      '--role',
      'clinician',
      '--purpose',
      'TREAT',
      '--scope',
      'user/*.rs',
      '--patient',
      'p1',
      '--client',
      'c',
      '--ttl',
      '5m',
    );
    expect(exitCode).toBe(0);
    expect(out).toHaveLength(1);
    const claims = decodeJwt(out[0] ?? '');
    expect(claims).toMatchObject({
      sub: 'u',
      client_id: 'c',
      roles: ['clinician'],
      purpose_of_use: 'TREAT',
      scope: 'user/*.rs',
      patient: 'p1',
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
  });

  it('starts from a persona, and flags replace what they name', async () => {
    const { out } = await run(
      '--persona',
      'clinician',
      '--purpose',
      'ETREAT',
      '--reason',
      'Unconscious on arrival',
      '--json',
    );
    const { token, tokenType } = JSON.parse(out[0] ?? '') as { token: string; tokenType: string };
    expect(tokenType).toBe('Bearer');
    expect(decodeJwt(token)).toMatchObject({
      sub: 'okafor',
      client_id: 'ward-app',
      purpose_of_use: 'ETREAT',
      reason: 'Unconscious on arrival',
    });
  });

  it('says which flags are missing', async () => {
    const { err, exitCode } = await run('--user', 'u');
    expect(exitCode).toBe(2);
    expect(err[0]).toContain('--role, --purpose, --scope');
  });

  it('says which personas there are when one is misspelt', async () => {
    const { err, exitCode } = await run('--persona', 'clinican');
    expect(exitCode).toBe(2);
    expect(err[0]).toContain('clinician');
  });

  it('says what to do when the demo has never run', async () => {
    const { out, exitCode } = await run('--persona', 'clinician', '--data', join(folder, 'nowhere'), '--json');
    expect(exitCode).toBe(2);
    expect(JSON.parse(out[0] ?? '')).toEqual({ error: expect.stringContaining('Start the demo once') });
  });

  it('lists the personas', async () => {
    const { out } = await run('--list');
    expect(out.length).toBe(readPersonas().length);
    expect(out[0]).toMatch(/^clinician +Dr Amara Okafor/);
  });
});
