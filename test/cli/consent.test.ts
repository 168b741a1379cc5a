import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { consentCommand } from '../../src/cli/consent.ts';
import { until } from '../adapters/chain/fixture.ts';
import { type ConsentRig, startConsentRig } from '../http/consent-rig.ts';

let rig: ConsentRig;
let url = '';
let printed: string[] = [];
let complaints: string[] = [];
let folder = '';

beforeAll(async () => {
  rig = await startConsentRig();
  await rig.app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(rig.app.server.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), 'consent-cli-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await rig.stop();
});
beforeEach(() => {
  printed = [];
  complaints = [];
  jest.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text));
  jest.spyOn(console, 'error').mockImplementation((text: string) => void complaints.push(text));
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

const run = async (...args: string[]): Promise<void> => {
  const command = consentCommand({ access: () => ({ url, token: 'operator' }) });
  await command.exitOverride().parseAsync(args, { from: 'user' });
};

describe('consentry consent', () => {
  it('grants, lists, explains, narrows and revokes with the patient’s token', async () => {
    await run(
      'grant',
      '--token',
      'anna',
      '--to',
      'organisation:Organization/clinic',
      '--purposes',
      'TREAT',
      '--actions',
      'read,search',
      '--json',
    );
    const { granted } = JSON.parse(printed[0] ?? '') as { granted: [{ id: `0x${string}` }] };
    const [{ id }] = granted;
    await until(async () => {
      await run('list', '--patient', 'anna');
      return printed.at(-1)?.includes(id) === true;
    }, 'the grant is listed');
    expect(printed.at(-1)).toContain('permit organisation Organization/clinic: read, search of every class for TREAT');
    await run('explain', '--patient', 'anna', '--organisation', 'Organization/clinic', '--purpose', 'TREAT');
    expect(printed.at(-1)).toMatch(/^permit\n {2}The patient has granted this access/);
    await run('narrow', id, '--token', 'anna', '--actions', 'read', '--purposes', 'TREAT');
    expect(printed.at(-1)).toBe('Narrowed; on-chain.');
    await run('revoke', id, '--token', 'anna');
    expect(printed.at(-1)).toBe('Revoked; on-chain.');
    await run('history', '--patient', 'anna');
    expect(
      printed
        .at(-1)
        ?.split('\n')
        .map((line) => line.split(/ +/)[1]),
    ).toEqual(['granted', 'narrowed', 'revoked']);
    expect(process.exitCode ?? 0).toBe(0);
  });

  it('delegates to another account until a time', async () => {
    const account = `0x${'ab'.repeat(20)}`;
    await run('delegate', account, '--token', 'anna', '--until', '2030-01-01T00:00:00Z', '--rights', 'grant,withdraw');
    expect(printed.at(-1)).toBe('Delegated; on-chain.');
    const subject = rig.vault.subjectOf('anna' as never);
    if (subject === undefined) throw new Error('no subject');
    const now = Math.floor(Date.now() / 1000) as never;
    await until(() => rig.replica.mayAct(subject, account, 1, now), 'the delegate may act');
    expect(rig.replica.mayAct(subject, account, 4, now)).toBe(false);
    await run('delegate', `0x${'cd'.repeat(20)}`, '--token', 'anna', '--until', '2030-01-01T00:00:00Z');
    expect(printed.at(-1)).toBe('Delegated; on-chain.');
    await until(async () => {
      await run('delegates', '--patient', 'anna');
      return printed.at(-1)?.split('\n').length === 2;
    }, 'both are listed');
    expect(printed.at(-1)).toContain(`${account}  active  grant, withdraw until 2030-01-01T00:00:00.000Z`);
    await run('end-delegate', account, '--token', 'anna');
    expect(printed.at(-1)).toBe('Ended; on-chain.');
    await until(() => !rig.replica.mayAct(subject, account, 1, now), 'the delegate may act no more');
  });

  it('vouches for a grant that waits for two people', async () => {
    await run('grant', '--token', 'anna', '--to', 'role:nurse', '--conditions', 'TWO_PERSON', '--purposes', 'TREAT');
    const [id = ''] = printed.at(-1)?.split(' ') ?? [];
    await until(() => rig.replica.grant(id as never) !== undefined, 'the grant is here');
    await run('vouch', id, '--token', 'doctor', '--patient', 'anna');
    expect(printed.at(-1)).toMatch(/^A second person has until /);
    await run('vouch', id, '--token', 'nurse', '--patient', 'anna');
    expect(printed.at(-1)).toMatch(/^Open until /);
  });

  it('takes a FHIR Consent from a file and says why one cannot be held', async () => {
    const file = join(folder, 'consent.json');
    const consent = {
      resourceType: 'Consent',
      status: 'active',
      patient: { reference: 'Patient/anna' },
      provision: { type: 'permit' },
    };
    writeFileSync(file, JSON.stringify(consent));
    await run('grant', '--token', 'anna', '--fhir', file);
    expect(complaints.join()).toContain('this rule speaks of anyone');
    expect(process.exitCode).toBe(1);
  });

  it('does not let the operator change anything', async () => {
    await run('grant', '--patient', 'anna', '--to', 'role:nurse');
    expect(complaints.join()).toContain('signs it');
    expect(process.exitCode).toBe(1);
  });

  it('refuses wrong usage with a sentence', async () => {
    await expect(run('grant', '--token', 'anna')).rejects.toThrow('--to');
    await expect(run('list', '--token', 'nobody')).rejects.toThrow('not valid');
  });
});
