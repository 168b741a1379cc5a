import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { decideCommand } from '../../src/cli/decide.ts';
import { classifier } from '../../src/domain/consent/classifier.ts';

const consent = {
  resourceType: 'Consent',
  id: 'c1',
  status: 'active',
  patient: { reference: 'Patient/p1' },
  policyRule: { coding: [{ code: 'OPTIN' }] },
  provision: { provision: [{ type: 'deny', securityLabel: [{ code: 'PSY' }] }] },
};
const request = {
  patient: 'Patient/p1',
  actor: ['Practitioner/d1'],
  purpose: 'TREAT',
  action: 'read',
  resource: { resourceType: 'Observation' },
};

let folder = '';
let printed: string[] = [];
const put = (name: string, value: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
};
const run = async (...args: string[]): Promise<void> => {
  const command = decideCommand({ classifier: async () => classifier([], ''), now: () => Date.parse('2024-06-15') });
  await command.exitOverride().parseAsync(args, { from: 'user' });
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'decide-'));
  printed = [];
  jest.spyOn(console, 'log').mockImplementation((text: string) => {
    printed.push(text);
  });
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

describe('consentry decide', () => {
  it('prints decision, obligations and reasons as one JSON object', async () => {
    await run('--consents', put('c.json', consent), '--request', put('r.json', request), '--json');
    expect(printed).toHaveLength(1);
    const answer = JSON.parse(printed[0] ?? '') as Record<string, unknown>;
    expect(Object.keys(answer).toSorted()).toEqual(['decision', 'obligations', 'reasons']);
    expect(answer.decision).toBe('permit');
    expect(answer.obligations).toMatchObject([{ id: { code: 'REDACT' }, parameters: { labels: [{ code: 'PSY' }] } }]);
  });

  it('takes several files and folders of consents', async () => {
    const other = put('c2.json', { ...consent, id: 'c2', policyRule: { coding: [{ code: 'OPTOUT' }] } });
    const path = put('r.txt', request);
    await run('--consents', put('c.json', consent), other, '--request', path, '--json');
    await run('--consents', folder, '--request', path, '--json');
    for (const line of printed) expect(JSON.parse(line)).toMatchObject({ decision: 'deny' });
  });

  it('says it in sentences without --json', async () => {
    await run('--consents', put('c.json', consent), '--request', put('r.json', request));
    expect(printed[0]).toMatch(/^Permit\.\n {2}The patient permits this access\. \(Consent\/c1#provision\)/);
  });

  it('exits with 1 for anything but a permit only when asked to', async () => {
    const refused = put('r.json', { ...request, patient: 'Patient/p2' });
    await run('--consents', put('c.json', consent), '--request', refused, '--json');
    expect(process.exitCode).toBeUndefined();
    await run('--consents', put('c.json', consent), '--request', refused, '--exit-code');
    expect(process.exitCode).toBe(1);
  });

  it('denies a request that cannot be read as JSON too, and ends with 2', async () => {
    const complaint = jest.spyOn(console, 'error').mockImplementation(() => {});
    await run('--consents', put('c.json', consent), '--request', put('r.json', '{"patient":'), '--json');
    expect(JSON.parse(printed[0] ?? '')).toMatchObject({ decision: 'deny', reasons: [{ rule: 'request' }] });
    expect(process.exitCode).toBe(2);
    expect(complaint).toHaveBeenCalledTimes(1);
    await run('--consents', put('c.json', consent), '--request', put('l.json', [request, {}]), '--json');
    expect(JSON.parse(printed[1] ?? '')).toMatchObject([{ decision: 'permit' }, { decision: 'deny' }]);
  });

  it('refuses files that are not there and requests that are none', async () => {
    await expect(run('--consents', join(folder, 'no'), '--request', put('r.json', request))).rejects.toThrow(
      'cannot be read',
    );
    await expect(run('--consents', put('c.json', consent), '--request', put('r.json', {}))).rejects.toThrow(
      'names no patient',
    );
  });
});
