import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { nodeHashing } from '../../src/adapters/store/node-hash.ts';
import { noteVerifierOf } from '../../src/adapters/store/note-keys.ts';
import { leafHashOf } from '../../src/adapters/store/recovery.ts';
import { auditServed } from '../../src/adapters/store/served-audit.ts';
import { examine } from '../../src/app/doctor.ts';
import { startGateway } from '../../src/app/start-gateway.ts';
import type { Config } from '../../src/config/schema.ts';
import type { PatientId } from '../../src/domain/fhir/interaction.ts';
import { parseVerifierKey } from '../../src/domain/ledger/note.ts';
import { parseProof, verifyProof } from '../../src/domain/ledger/proof.ts';
import { entryOf } from '../adapters/store/ledger-fixture.ts';
import { startPostgres, type TestPostgres } from '../adapters/store/postgres-server.ts';
import { codeOf, type Rig, startRig } from './rig.ts';
import { type Second, startSecond } from './second-gateway.ts';

let rig: Rig;
let server: TestPostgres;
beforeAll(async () => {
  [rig, server] = await Promise.all([startRig(), startPostgres()]);
}, 120_000);
afterAll(async () => {
  await rig.close();
  await server.remove();
});

const secrets = {
  LEDGER_URL: '',
  LEDGER_KEY: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  LEDGER_PAYLOAD: randomBytes(32).toString('hex'),
};
const onPostgres = (node: string): Promise<Second> => {
  const { config, environment } = rig.demo;
  return startSecond(rig, {
    environment: { ...environment, ...secrets, LEDGER_URL: server.url },
    config: {
      ledger: {
        ...config.ledger,
        store: 'postgres',
        node,
        origin: 'consentry.example/shared',
        postgres: { url: 'env:LEDGER_URL', signingKey: 'env:LEDGER_KEY', payloadKey: 'env:LEDGER_PAYLOAD' },
      },
    },
  });
};

const pathOf = (url: string): string => url.replace(/^https?:\/\/[^/]+/, '');
const indexOf = (receipt: string | undefined): number => Number.parseInt(receipt ?? '', 10);

describe('two gateways on one PostgreSQL', () => {
  it('serve both, write one log that verifies whole, prove each other’s entries and explain each other’s calls', async () => {
    const [one, other] = await Promise.all([onPostgres('one'), onPostgres('other')]);
    try {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          (i % 2 === 0 ? one : other).get(i % 3 === 0 ? '/Patient/patient-noor' : '/Patient/patient-ada', 'clinician'),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 403]));
      const indexes = answers.map(({ headers }) => indexOf(headers['x-ledger-receipt']));
      expect(new Set(indexes).size).toBe(12);
      await Promise.all([one.gateway.records?.settled(), other.gateway.records?.settled()]);

      for (const [writer, index] of indexes.map((each, i) => [i % 2 === 0 ? one : other, each] as const)) {
        const reader = writer === one ? other : one;
        const proof = parseProof(await reader.gateway.ledger.receiptProof(index));
        const leaf = await reader.gateway.ledger.leaf(index);
        const key = parseVerifierKey(nodeHashing, writer.gateway.ledger.verifierKey);
        if (proof === undefined || leaf === undefined || key === undefined) throw new Error('no proof');
        expect(verifyProof(nodeHashing, proof, leafHashOf(leaf), [noteVerifierOf(key)])).toMatchObject({
          signedBy: ['consentry.example/shared'],
        });
      }
      const verifierKey = (await supertest(one.gateway.url).get('/ledger/key')).text.trim();
      const url = `${other.gateway.url}/ledger`;
      expect(await auditServed({ url, verifierKey })).toMatchObject({ ok: true, origin: 'consentry.example/shared' });
      expect(await auditServed({ url, verifierKey: rig.demo.gateway.ledger.verifierKey })).toMatchObject({ ok: false });
      expect([one.gateway.ledger.leads(), other.gateway.ledger.leads()].filter(Boolean)).toHaveLength(1);

      const elsewhere = await supertest(other.gateway.url)
        .get(`/api/v1/explain/${answers[2]?.headers['x-request-id']}`)
        .set('authorization', `Bearer ${await rig.token('clinician')}`);
      expect(elsewhere.status).toBe(200);
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  }, 60_000);

  it('open what the other wrote about a patient whom it alone had met, until either erases the patient', async () => {
    const [one, other] = await Promise.all([onPostgres('one'), onPostgres('other')]);
    try {
      const patient = 'patient-of-one' as PatientId;
      const { index, entry = index } = await one.gateway.ledger.append(entryOf('met', { patients: [patient] }));
      expect((await other.gateway.ledger.open(entry))?.entry.patients).toEqual([patient]);
      expect(other.gateway.vault.subjectOf(patient)).toBe(one.gateway.vault.subjectOf(patient));
      const officer = `Bearer ${await rig.token('privacy-officer')}`;
      const api = (gateway: Second, path: string, body: object) =>
        supertest(gateway.gateway.url).post(`/api/v1/${path}`).set('authorization', officer).send(body);
      await api(one, 'legal-holds', { patient, reason: 'a court' }).expect(201);
      await api(other, 'erasures', { patient, confirm: patient }).expect(409);
      await api(other, 'legal-holds/lift', { patient }).expect(200);
      await api(other, 'erasures', { patient, confirm: patient }).expect(200);
      expect(await one.gateway.ledger.open(entry)).toBeUndefined();
      expect(await one.gateway.ledger.query({ patient, limit: 5 })).toEqual([]);
      expect(one.gateway.vault.subjectOf(patient)).toBeUndefined();
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  }, 60_000);

  it('go on with what the other began: the review of an emergency, an export, an export that was given up', async () => {
    const [one, other] = await Promise.all([onPostgres('one'), onPostgres('other')]);
    try {
      const ask = (gateway: Second, method: 'get' | 'post' | 'delete', path: string, token: string) =>
        supertest(gateway.gateway.url)[method](path).set('authorization', `Bearer ${token}`);
      const officer = await rig.token('privacy-officer');
      const rescuer = await rig.token('specialist', { purpose: 'ETREAT', reason: 'Found unconscious.' });
      await ask(one, 'get', '/fhir/Patient/patient-ada', rescuer).expect(200);
      const tasks = async (gateway: Second): Promise<readonly { readonly id: string; readonly state: string }[]> =>
        (await ask(gateway, 'get', '/api/v1/break-glass', officer).expect(200)).body.tasks;
      const [task] = await tasks(other);
      expect(task).toMatchObject({ state: 'open' });
      await ask(other, 'post', `/api/v1/break-glass/${task?.id}/review`, officer)
        .send({ verdict: 'justified' })
        .expect(200);
      // The time box is one, wherever the rescuer looks next.
      await ask(other, 'get', '/fhir/Patient/patient-ada', rescuer).expect(200);
      expect(await tasks(one)).toMatchObject([{ id: task?.id, state: 'justified' }]);

      const service = await rig.token('researcher', {
        scope: 'system/*.rs',
        user: 'study-backend',
        client: 'study-backend',
      });
      const begun = await ask(one, 'get', '/fhir/Patient/$export?_type=Patient', service)
        .set('prefer', 'respond-async')
        .expect(202);
      const status = pathOf(String(begun.headers['content-location']));
      let answer = await ask(other, 'get', status, service);
      for (let polls = 0; polls < 500 && answer.status === 202; polls++)
        answer = await ask(other, 'get', status, service);
      expect(answer.status).toBe(200);
      const manifest = JSON.parse(answer.text) as { readonly output: readonly { readonly url: string }[] };
      const file = pathOf(manifest.output[0]?.url ?? '');
      expect((await ask(one, 'get', file, service).buffer(true).expect(200)).text).toContain('"Patient"');
      await ask(other, 'delete', status, service).expect(202);
      await one.gateway.lines.follow();
      for (const path of [status, file])
        expect(codeOf(await ask(one, 'get', path, service).expect(410))).toBe('export-gone');
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  }, 60_000);

  it('refuse while the database is away and serve again by themselves', async () => {
    const one = await onPostgres('one');
    try {
      await one.get('/Patient/patient-ada', 'clinician').expect(200);
      await server.stop();
      const refused = await one.get('/Patient/patient-ada', 'clinician').expect(503);
      expect(codeOf(refused)).toBe('ledger-unavailable');
      expect((await supertest(one.gateway.url).get('/readyz')).status).toBe(503);
      await server.start();
      for (let tries = 0; tries < 200 && !one.gateway.ledger.healthy(); tries++)
        await one.gateway.ledger.integrate().catch(() => undefined);
      await one.get('/Patient/patient-ada', 'clinician').expect(200);
    } finally {
      await one.close();
    }
  }, 60_000);

  it('see harvesting that is split between them as one', async () => {
    const everybody = (await fetch(`${rig.demo.fhir.url}/Patient?_count=100&_elements=id`).then((response) =>
      response.json(),
    )) as { entry: { resource: { id: string } }[] };
    const readers = everybody.entry.map(({ resource }) => `/Observation?patient=${resource.id}`);
    /** Calls until the first block. */
    const harvest = async (through: readonly Second[]): Promise<number> => {
      for (const [n, path] of readers.entries()) {
        const answer = await (through[n % through.length] as Second).get(path, 'suspicious');
        if (codeOf(answer) === 'risk-blocked') return n + 1;
        for (const { gateway } of [...through, ...through]) await gateway.risk.profiles.sync();
      }
      return Number.POSITIVE_INFINITY;
    };
    const alone = await startSecond(rig, {});
    const byOne = await harvest([alone]).finally(() => alone.close());
    expect(byOne).toBeLessThan(readers.length);
    const both = await Promise.all([onPostgres('one'), onPostgres('other')]);
    try {
      expect(await harvest(both)).toBeLessThanOrEqual(byOne + 1);
    } finally {
      for (const each of both) await each.close();
    }
  }, 60_000);

  it('do not start without the database, and say so', async () => {
    const { config, environment } = rig.demo;
    await expect(
      startGateway({
        config: {
          ...config,
          data: `${rig.state}/third`,
          listen: { host: '127.0.0.1', port: 0 },
          ledger: {
            ...config.ledger,
            store: 'postgres',
            postgres: { url: 'env:LEDGER_URL', signingKey: 'env:LEDGER_KEY', payloadKey: 'env:LEDGER_PAYLOAD' },
          },
        },
        environment: { ...environment, ...secrets, LEDGER_URL: 'postgres://nobody@127.0.0.1:1/none' },
        log: 'silent',
      }),
    ).rejects.toThrow('PostgreSQL');
  });
});

describe('the doctor', () => {
  const found = async (changes: Partial<Config>) => {
    const { config, environment } = rig.demo;
    const told = new Map<string, string>();
    for await (const { name, ok, detail } of examine(
      { ...config, ...changes },
      { ...environment, LEDGER_URL: server.url },
    ))
      told.set(name, ok ? 'ok' : detail);
    return told;
  };

  it('finds nothing wrong with a house that stands', async () => {
    expect(new Set((await found({})).values())).toEqual(new Set(['ok']));
  });

  it('names each thing that is not right, and goes on to the next', async () => {
    const { config } = rig.demo;
    const wrong = await found({
      vaultKey: 'env:NOT_SET',
      policies: '/nowhere',
      riskModel: '/nowhere.json',
      data: '/proc/nothing',
      upstream: { ...config.upstream, url: 'http://127.0.0.1:9/fhir' },
      issuers: config.issuers.map((issuer) => ({ ...issuer, jwksUri: 'http://127.0.0.1:9/keys' })),
      chain: { ...config.chain, chainId: 4711 },
      ledger: {
        ...config.ledger,
        store: 'postgres',
        postgres: { url: 'env:NOWHERE', signingKey: 'env:NOWHERE', payloadKey: 'env:NOWHERE' },
      },
    });
    expect([...wrong].filter(([, detail]) => detail === 'ok')).toEqual([]);
    expect(wrong.get('secrets')).toContain('NOT_SET is not set');
    expect(wrong.get('chain endpoint 1')).toMatch(/of the chain \d+, and the configuration says 4711/);
    expect(wrong.get('FHIR server')).toContain('Check upstream.url');
    const shared = await found({
      ledger: {
        ...config.ledger,
        store: 'postgres',
        postgres: { url: 'env:LEDGER_URL', signingKey: 'env:LEDGER_URL', payloadKey: 'env:LEDGER_URL' },
      },
    });
    expect(shared.get('PostgreSQL')).toBe('ok');
    const bare = await found({ chain: { ...config.chain, consentRegistry: `0x${'1'.repeat(40)}` } });
    expect(bare.get('chain endpoint 1')).toContain('no contract at chain.consentRegistry');
  });
});
