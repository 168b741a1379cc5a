import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { ed25519Cosigner, mldsa44Cosigner, noteVerifierOf } from '../../../src/adapters/store/note-keys.ts';
import { askWitness, openWitness, type WitnessServer } from '../../../src/adapters/store/witness.ts';
import { type NoteVerifier, openNote, parseVerifierKey } from '../../../src/domain/ledger/note.ts';
import { parseTrustPolicy } from '../../../src/domain/ledger/trust-policy.ts';
import { formatAddCheckpoint, parseAddCheckpoint } from '../../../src/domain/ledger/witness.ts';
import { witnessRoutes } from '../../../src/http/witness.ts';
import { fill, memoryKeys, ORIGIN, open, systemClock, temporaryFolder } from './ledger-fixture.ts';

const folder = temporaryFolder();
const verifierOf = (text: string): NoteVerifier => {
  const key = parseVerifierKey(nodeHashing, text);
  if (key === undefined) throw new Error('not a key');
  return noteVerifierOf(key);
};
const ed25519 = ed25519Cosigner('witness.example/w1', generateKeyPairSync('ed25519').privateKey, systemClock);
const mldsa44 = mldsa44Cosigner('witness.example/w2', Uint8Array.from(randomBytes(32)), systemClock);
const alarms: string[] = [];
const signal = new AbortController().signal;
let ledger: FilesLedger;
let witness: WitnessServer;
let app: FastifyInstance;
let url = '';

const start = (): WitnessServer =>
  openWitness({
    path: join(folder, 'witness.db'),
    cosigners: [ed25519, mldsa44],
    logs: new Map([[ORIGIN, [verifierOf(ledger.verifierKey)]]]),
    alarm: (origin) => alarms.push(origin),
  });

beforeAll(async () => {
  ledger = await open(join(folder, 'log'));
  await fill(ledger, 300);
  await ledger.integrate();
  witness = start();
  app = fastify();
  await app.register(witnessRoutes({ addCheckpoint: (body) => witness.addCheckpoint(body) }));
  url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/witness`;
});
afterAll(async () => {
  await app.close();
  witness.close();
  await ledger.close();
  rmSync(folder, { recursive: true });
});

const post = async (body: string): Promise<{ status: number; body: string; type: string | null }> => {
  const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
  return { status: answer.status, body: await answer.text(), type: answer.headers.get('content-type') };
};

describe('a witness', () => {
  it('cosigns a first checkpoint, and the next from where it stood', async () => {
    const peer = { url, verifier: verifierOf(ed25519.verifierKey) };
    const first = await askWitness(ledger, peer, 0, signal);
    expect(first).toMatchObject({ ok: true });
    await fill(ledger, 50, 300);
    await ledger.integrate();
    // The log has forgotten how far the witness is, and learns it from the answer.
    const second = await askWitness(ledger, peer, 0, signal);
    if (!second.ok) throw new Error(second.reason);
    expect(openNote(ledger.checkpoint() + second.line, [peer.verifier])?.signedBy).toEqual(['witness.example/w1']);
  });

  it('cosigns with ML-DSA-44 too, and the line holds for that checkpoint alone', async () => {
    const peer = { url, verifier: verifierOf(mldsa44.verifierKey) };
    const cosigned = await askWitness(ledger, peer, 350, signal);
    if (!cosigned.ok) throw new Error(cosigned.reason);
    expect(openNote(ledger.checkpoint() + cosigned.line, [peer.verifier])).toBeDefined();
    expect(
      openNote(ledger.checkpoint().replace('\n350\n', '\n351\n') + cosigned.line, [peer.verifier]),
    ).toBeUndefined();
  });

  it('satisfies a trust policy that asks for both', async () => {
    const lines = await Promise.all(
      [ed25519, mldsa44].map(({ verifierKey }) =>
        askWitness(ledger, { url, verifier: verifierOf(verifierKey) }, 350, signal),
      ),
    );
    const note = ledger.checkpoint() + lines.map((line) => (line.ok ? line.line : '')).join('');
    const text = (witnesses: string) =>
      `log ${ledger.verifierKey}\nwitness a ${ed25519.verifierKey}\nwitness b ${mldsa44.verifierKey}\ngroup g ${witnesses} a b\nquorum g\n`;
    for (const rule of ['all', 'any', '2', '1']) {
      const policy = parseTrustPolicy(nodeHashing, text(rule));
      if ('fault' in policy) throw new Error(policy.fault);
      expect(policy.satisfied((key) => openNote(note, [noteVerifierOf(key)]) !== undefined)).toBe(true);
      expect(policy.satisfied((key) => key.name.endsWith('w1'))).toBe(rule === 'any' || rule === '1');
    }
  });

  it('answers as the specification says', async () => {
    const { note, path, checkpoint } = await ledger.consistency(350);
    expect(path).toEqual([]);
    expect((await post('nonsense')).status).toBe(400);
    expect((await post(formatAddCheckpoint({ old: 351, path: [], note }))).status).toBe(400);
    expect(await post(formatAddCheckpoint({ old: 0, path: [], note }))).toEqual({
      status: 409,
      body: '350\n',
      type: 'text/x.tlog.size',
    });
    expect(
      (await post(formatAddCheckpoint({ old: 350, path: [], note: note.replace(ORIGIN, 'ledger.example/other') })))
        .status,
    ).toBe(404);
    expect(
      (await post(formatAddCheckpoint({ old: 350, path: [], note: note.replace('\n350\n', '\n351\n') }))).status,
    ).toBe(403);
    expect((await post(formatAddCheckpoint({ old: 350, path: [new Uint8Array(32)], note }))).status).toBe(422);
    expect((await post(formatAddCheckpoint({ old: 350, path: [], note }))).status).toBe(200);
    expect(checkpoint.size).toBe(350);
    expect(parseAddCheckpoint(formatAddCheckpoint({ old: 3, path: [new Uint8Array(32)], note }))).toEqual({
      old: 3,
      path: [new Uint8Array(32)],
      note,
    });
  });

  it('remembers over a restart, and catches a log that was written again with its own key', async () => {
    witness.close();
    witness = start();
    const pem = readFileSync(join(folder, 'log', 'keys', 'signing.pem'), 'utf8');
    const forged = await open(temporaryFolder(), { signingKey: pem, payloadKeys: memoryKeys() });
    const peer = { url, verifier: verifierOf(ed25519.verifierKey) };
    for (const size of [350, 400]) {
      await fill(forged, size - forged.size(), 1000);
      await forged.integrate();
      const before = alarms.length;
      expect(await askWitness(forged, peer, 0, signal)).toEqual({ ok: false, reason: 'split' });
      expect(alarms.length).toBe(before + 1);
    }
    await forged.close();
    const short = await open(temporaryFolder(), { signingKey: pem, payloadKeys: memoryKeys() });
    await fill(short, 10);
    await short.integrate();
    expect(await askWitness(short, peer, 0, signal)).toEqual({ ok: false, reason: 'split' });
    await short.close();
  });

  it('is unreachable when it is', async () => {
    const peer = { url: 'http://127.0.0.1:1', verifier: verifierOf(ed25519.verifierKey) };
    expect(await askWitness(ledger, peer, 0, signal)).toEqual({ ok: false, reason: 'unreachable' });
  });
});
