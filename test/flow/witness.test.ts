import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import supertest from 'supertest';
import { nodeHashing } from '../../src/adapters/store/node-hash.ts';
import { noteVerifierOf } from '../../src/adapters/store/note-keys.ts';
import { logKey } from '../../src/adapters/store/signing-key.ts';
import { type Checkpoint, formatCheckpoint } from '../../src/domain/ledger/checkpoint.ts';
import { openNote, parseVerifierKey, signNote } from '../../src/domain/ledger/note.ts';
import { formatAddCheckpoint } from '../../src/domain/ledger/witness.ts';
import { type Rig, startRig } from './rig.ts';
import { type Second, startSecond } from './second-gateway.ts';

const newKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const origin = 'consentry.example/witnessed';
const verifier = (text: string) => {
  const key = parseVerifierKey(nodeHashing, text);
  if (key === undefined) throw new Error('not a key');
  return noteVerifierOf(key);
};

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
}, 60_000);
afterAll(() => rig.close());

const start = (ledger: object, secrets: Record<string, string>, data?: string): Promise<Second> => {
  const { config, environment } = rig.demo;
  return startSecond(rig, {
    environment: { ...environment, ...secrets },
    config: { ledger: { ...config.ledger, ...ledger }, ...(data === undefined ? {} : { data }) },
  });
};

const keysOf = async (gateway: Second): Promise<string[]> =>
  (await supertest(gateway.gateway.url).get('/ledger/key').expect(200)).text.trim().split('\n');

describe('two gateways', () => {
  it('are each other’s witness: the log is signed twice, the witness cosigns it, and a forged history is refused and kept', async () => {
    const witnessKey = newKey();
    const seeds = { LOG_SEED: randomBytes(32).toString('hex'), WITNESS_SEED: randomBytes(32).toString('hex') };
    // The log starts first, alone, to make its key.
    const alone = await start({ origin, mldsaSeed: 'env:LOG_SEED' }, seeds);
    const [logVerifierKey = '', secondKey = ''] = await keysOf(alone);
    await alone.get('/Patient/patient-ada', 'clinician').expect(200);
    await alone.gateway.close();

    const witness = await start(
      {
        origin: 'consentry.example/other',
        witness: {
          name: 'witness.example/w',
          key: 'env:WITNESS_KEY',
          mldsaSeed: 'env:WITNESS_SEED',
          logs: [logVerifierKey],
        },
      },
      { ...seeds, WITNESS_KEY: witnessKey },
    );
    const [, cosignerKey = '', mldsaCosignerKey = ''] = await keysOf(witness);
    const log = await start(
      {
        origin,
        mldsaSeed: 'env:LOG_SEED',
        witnesses: [{ url: `${witness.gateway.url}/witness`, key: cosignerKey }],
        witnessSeconds: 0.1,
      },
      seeds,
      alone.data,
    );
    try {
      await log.get('/Patient/patient-ada', 'clinician').expect(200);
      await log.gateway.ledger.integrate();
      const http = supertest(log.gateway.url);
      let cosigned = await http.get('/ledger/cosigned');
      while (cosigned.status !== 200) cosigned = await http.get('/ledger/cosigned');
      const opened = openNote(cosigned.text, [logVerifierKey, secondKey, cosignerKey].map(verifier));
      expect(opened?.signedBy).toEqual([origin, origin, 'witness.example/w']);
      const both = openNote(cosigned.text, [verifier(mldsaCosignerKey)]);
      expect(both).toBeUndefined();

      // Whoever holds the log's key writes another history of the same size.
      const signing = logKey(origin, createPrivateKey(readFileSync(join(alone.data, 'ledger', 'keys', 'signing.pem'))));
      const size = Number(cosigned.text.split('\n')[1]);
      const forged: Checkpoint = { origin, size, root: new Uint8Array(32).fill(7) };
      const note = signNote(formatCheckpoint(forged), [signing.signer]);
      const answer = await supertest(witness.gateway.url)
        .post('/witness/add-checkpoint')
        .set('content-type', 'text/plain')
        .send(formatAddCheckpoint({ old: size, path: [], note }));
      expect(answer.status).toBe(409);
      expect(readdirSync(join(witness.data, 'witness-evidence'))).toHaveLength(1);
      expect(await witness.gateway.telemetry.metrics()).toContain('part="witness",error="SplitView"} 1');
    } finally {
      await log.close();
      await witness.close();
    }
  }, 60_000);

  it('serve no witness and no cosigned checkpoint unless they are told to', async () => {
    const http = supertest(rig.demo.gateway.url);
    expect(
      (await http.post('/witness/add-checkpoint').set('content-type', 'text/plain').send('old 0\n\n')).status,
    ).toBe(404);
    await http.get('/ledger/cosigned').expect(404);
    expect((await http.get('/ledger/key').expect(200)).text.trim().split('\n')).toHaveLength(1);
  });

  it('do not start with a witness whose key is none', async () => {
    await expect(start({ witnesses: [{ url: 'http://127.0.0.1:1', key: 'nonsense' }] }, {})).rejects.toThrow(
      'ledger.witnesses.0.key is not a verifier key',
    );
  });
});
