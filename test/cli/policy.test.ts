import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readPolicyFolder } from '../../src/adapters/policies/folder.ts';
import { keyRing } from '../../src/adapters/policies/key-ring.ts';
import { policyShelf } from '../../src/adapters/policies/shelf.ts';
import { signText, verifySignature } from '../../src/adapters/policies/signatures.ts';
import { policyCommand } from '../../src/cli/policy.ts';
import { realId, realReference } from '../../src/domain/masking/lookup.ts';
import { context, mask, planOf } from '../domain/masking/shipped.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'policy-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...words: string[]): { out: string; err: string; code: number } => {
  const result = { out: '', err: '', code: 0 };
  policyCommand({
    shelf: policyShelf,
    access: () => ({ url: '', token: '' }),
    readFile: (path) => readFileSync(path),
    maskingKeys: (data) => keyRing(data, (length) => new Uint8Array(randomBytes(length))),
    sign: signText,
    verify: verifySignature,
    now: () => new Date('2026-11-22T10:00:00Z'),
    write: (bytes) => {
      result.out += typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);
    },
    complain: (text) => {
      result.err += text;
    },
    exit: (code) => {
      result.code = code;
    },
  }).parse(words, { from: 'user' });
  return result;
};

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const patient =
  '{ "resourceType": "Patient", "id": "p1", "identifier": [{"system":"http://hl7.org/fhir/sid/us-ssn","value":"123-45-6789"}], "gender" : "female" }';

describe('policy keys', () => {
  const names = (data: string): { key: string; state: string; pseudonyms: string }[] =>
    (JSON.parse(run('keys', 'list', '--data', data, '--json').out) as { keys: never[] }).keys;

  it('replaces the key in use, keeps the one before, and forgets it when told', () => {
    const data = mkdtempSync(join(folder, 'ring-'));
    expect(run('keys', 'list', '--data', data).code).toBe(2);
    expect(run('keys', 'rotate', '--data', data).out).toMatch(/^The key [\w.-]{2} is to be in use/);
    const [first] = names(data);
    const bytes = readFileSync(join(data, 'masking.key'), 'utf8');
    run('keys', 'rotate', '--data', data);
    expect(names(data).map(({ state }) => state)).toEqual(['in use', 'former']);
    expect(names(data)[1]).toEqual({ ...first, state: 'former' });
    expect(readFileSync(join(data, 'masking.former'), 'utf8')).toBe(bytes);
    expect(run('keys', 'retire', '--data', data, '--name', names(data)[0]?.key ?? '').code).toBe(1);
    expect(run('keys', 'retire', '--data', data, '--name', '??').code).toBe(2);
    expect(run('keys', 'retire', '--data', data, '--name', first?.key ?? '').code).toBe(0);
    expect(names(data)).toHaveLength(1);
  });
  it('takes another key in once, and no nonsense', () => {
    const data = mkdtempSync(join(folder, 'ring-'));
    run('keys', 'rotate', '--data', data);
    const key = file('former.key', '33'.repeat(32));
    expect(run('keys', 'add', '--data', data, '--key', key).code).toBe(0);
    expect(run('keys', 'add', '--data', data, '--key', key).code).toBe(1);
    expect(run('keys', 'add', '--data', data, '--key', file('no.key', 'zz')).code).toBe(2);
    expect(names(data)).toHaveLength(2);
    writeFileSync(join(data, 'masking.former'), 'nonsense');
    expect(run('keys', 'list', '--data', data)).toMatchObject({ out: '', code: 2 });
  });
});

describe('policy preview', () => {
  it('writes the masked bytes and nothing else', () => {
    const resource = file('patient.json', patient);
    const { out, err, code } = run('preview', '--role', 'clinician', '--resource', resource);
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toBe(
      patient
        .replace(
          '"Patient"',
          '"Patient","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}]}',
        )
        .replace(
          '"value":"123-45-6789"',
          '"_value":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/rendered-value","valueString":"***-**-6789"}]}',
        ),
    );
  });
  it('gives the same bytes for the same key and others for another', () => {
    const resource = file('patient.json', patient);
    const [a, b] = [file('a.key', '11'.repeat(32)), file('b.key', '22'.repeat(32))];
    const with_ = (key: string) =>
      run(
        'preview',
        '--role',
        'researcher',
        '--purpose',
        'HRESCH',
        '--key',
        key,
        '--as-of',
        '2026-01-01',
        '--resource',
        resource,
      ).out;
    expect(with_(a)).toBe(with_(a));
    expect(with_(a)).not.toBe(with_(b));
    expect(with_(a)).not.toContain('p1"');
  });
  it('explains each element with rule, file and line', () => {
    const { out } = run('preview', '--role', 'clinician', '--explain', '--resource', file('patient.json', patient));
    expect(JSON.parse(out)).toMatchObject({
      purpose: 'TREAT',
      elements: [
        {
          path: 'Patient.identifier[0].value',
          method: 'partial',
          rule: 'clinician-ssn',
          file: 'clinician.yaml',
          outcome: 'changed',
        },
      ],
    });
  });
  it('reads a file that begins with a byte order mark', () => {
    const shown = (text: string) => run('preview', '--role', 'clinician', '--resource', file('mark.json', text));
    const plain = shown(patient);
    expect(plain).toEqual({ out: expect.stringContaining('Patient'), err: '', code: 0 });
    expect(shown(`\uFEFF${patient}`)).toEqual(plain);
  });

  it('says what is wrong', () => {
    const resource = file('patient.json', patient);
    expect(run('preview', '--role', 'clinican', '--resource', resource)).toEqual({
      out: '',
      err: 'No policy names the role clinican. Did you mean clinician?\n',
      code: 2,
    });
    expect(run('preview', '--role', 'auditor', '--resource', resource)).toMatchObject({ out: '', code: 1 });
    expect(run('preview', '--role', 'clinician', '--purpose', 'HMARKT', '--resource', resource)).toMatchObject({
      out: '',
      code: 1,
    });
    expect(run('preview', '--role', 'clinician', '--resource', join(folder, 'none.json'))).toMatchObject({
      out: '',
      code: 2,
    });
    expect(run('preview', '--role', 'clinician', '--resource', file('bad.json', '{"a":1,"a":2}'))).toMatchObject({
      out: '',
      code: 2,
    });
  });
});

describe('policy reidentification', () => {
  const people = Array.from({ length: 30 }, (_, at) =>
    JSON.stringify({
      resourceType: 'Patient',
      id: `p${at}`,
      gender: at % 2 === 0 ? 'female' : 'male',
      birthDate: `1950-${String((at % 12) + 1).padStart(2, '0')}-${String(at + 1).padStart(2, '0')}`,
      address: [{ postalCode: `0197${at % 10}`, state: 'MA' }],
    }),
  );
  it('tells how many are alone before masking and after, in figures and on a page', () => {
    const resources = file('people.ndjson', people.join('\n'));
    const told = JSON.parse(run('reidentification', '--resources', resources, '--json').out) as Record<
      'before' | 'after',
      { people: number; unique: number; smallest: number }
    >;
    expect(told.before).toMatchObject({ people: 30, unique: 1, smallest: 1 });
    expect(told.after).toMatchObject({ people: 30, unique: 0 });
    expect(told.after.smallest).toBeGreaterThan(10);
    const page = run('reidentification', '--resources', resources, '--page').out;
    expect(page.match(/<svg /g)).toHaveLength(2);
    expect(page).not.toMatch(/<script|https?:/);
  });
  it('says when there is nobody, or nothing leaves for the role', () => {
    expect(run('reidentification', '--resources', file('none.json', '{}'))).toMatchObject({ code: 2, out: '' });
    const resources = file('people.ndjson', people.join('\n'));
    expect(run('reidentification', '--resources', resources, '--role', 'nobody')).toMatchObject({ code: 1, out: '' });
  });
});

describe('policy check, test and coverage', () => {
  it('pass for the policies shipped', () => {
    expect(run('check')).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(run('test', '--json').out)).toMatchObject({ ok: true });
    const coverage = JSON.parse(run('coverage', '--json').out) as {
      rows: { covered: boolean }[];
      rules: { rule: string; elements: number }[];
    };
    expect(coverage.rows.filter((row) => row.covered)).toHaveLength(18);
    expect(coverage.rules.filter((rule) => rule.elements === 0).map((rule) => rule.rule)).toEqual(
      expect.not.arrayContaining(['sh-dates', 'clinician-ssn']),
    );
  });
  it('fail with the place of the fault', () => {
    const broken = join(folder, 'broken');
    cpSync('policies', broken, { recursive: true });
    writeFileSync(
      join(broken, 'clinician.yaml'),
      readFileSync(join(broken, 'clinician.yaml'), 'utf8').replace('[SSN]', '[SNS]'),
    );
    const { out, code } = run('check', '--policies', broken);
    expect(code).toBe(1);
    expect(out).toContain('clinician.yaml:12:15: error: There is no element class `SNS`. Did you mean `SSN`?');
  });

  it('fail without the overlay that the risk ladder asks for', () => {
    const bare = join(folder, 'bare');
    cpSync('policies', bare, { recursive: true });
    rmSync(join(bare, 'overlay-raised.yaml'));
    rmSync(join(bare, 'tests', 'raised.test.yaml'));
    const { out, code } = run('check', '--policies', bare);
    expect([code, out]).toEqual([1, expect.stringContaining('risk.yaml:12:13: error: The ladder masks more by')]);
  });
});

describe('a change', () => {
  it('is told, signed by two, put in force, and taken back', () => {
    const [live, next] = [join(folder, 'live'), join(folder, 'next')];
    cpSync('policies', live, { recursive: true });
    cpSync('policies', next, { recursive: true });
    const path = join(next, 'specialist.yaml');
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('classes: [Plan numbers]', 'paths: [Coverage.subscriberId]'),
    );
    const both = ['--policies', live, '--candidate', next];
    const diff = JSON.parse(run('diff', ...both, '--json').out) as { approvers: number; changes: { kind: string }[] };
    expect(diff.approvers).toBe(2);
    expect(run('diff', ...both).out).toContain('Specialist (TREAT) gains Coverage.dependent: redact becomes keep.');

    const people = ['ann', 'bob'].map((name) => ({
      name,
      ...generateKeyPairSync('ed25519', {
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      }),
    }));
    const approvers = file(
      'approvers.json',
      JSON.stringify(Object.fromEntries(people.map(({ name, publicKey }) => [name, publicKey]))),
    );
    const approvals = people.map(({ name, privateKey }) => {
      const key = file(`${name}.pem`, privateKey);
      return file(
        `${name}.json`,
        run('approve', ...both, '--as', name, '--key', key, '--reason', 'referrals need it').out,
      );
    });
    const before = readPolicyFolder(live);
    const one = run('apply', ...both, '--approvers', approvers, '--approval', approvals[0] ?? '');
    expect(one).toMatchObject({ code: 1, out: '' });
    expect(one.err).toContain('needs 2 approvers and has 1');
    expect(readPolicyFolder(live)).toEqual(before);

    const two = run('apply', ...both, '--approvers', approvers, ...approvals.flatMap((each) => ['--approval', each]));
    expect(two).toMatchObject({ code: 0, err: '' });
    expect(readPolicyFolder(live)).toEqual(readPolicyFolder(next));
    expect(run('rollback', '--policies', live)).toMatchObject({ code: 0, err: '' });
    expect(readPolicyFolder(live)).toEqual(before);
    expect(
      (JSON.parse(run('history', '--policies', live, '--json').out) as { versions: unknown[] }).versions,
    ).toHaveLength(3);
  });
});

describe('a lookup by pseudonym', () => {
  it('finds what the pseudonym stands for, and takes a true id for nothing', () => {
    const plan = planOf('researcher', 'HRESCH');
    const { id } = mask({ resourceType: 'Patient', id: 'p1' }, plan) as { id: string };
    expect(realId(plan, context, id)).toBe('p1');
    expect(realReference(plan, context, `Patient/${id}`)).toBe('Patient/p1');
    expect(realId(plan, context, 'p1')).toBeUndefined();
    expect(realReference(plan, context, 'Patient/p1')).toBeUndefined();
    expect(realId(planOf('clinician', 'TREAT'), context, 'p1')).toBe('p1');
  });
});
