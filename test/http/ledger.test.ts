import { rmSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fastify from 'fastify';
import { nodeHashing } from '../../src/adapters/store/node-hash.ts';
import { noteVerifierOf } from '../../src/adapters/store/note-keys.ts';
import { parseVerifierKey } from '../../src/domain/ledger/note.ts';
import { parseTilePath, tilePath } from '../../src/domain/ledger/tiles.ts';
import { verifyLog } from '../../src/domain/ledger/verify.ts';
import { ledgerRoutes } from '../../src/http/ledger.ts';
import { fill, open, temporaryFolder } from '../adapters/store/ledger-fixture.ts';

describe('the served log', () => {
  it('is verified over HTTP as any tlog-tiles log is', async () => {
    const folder = temporaryFolder();
    const ledger = await open(folder);
    await fill(ledger, 700);
    await ledger.integrate();
    const app = fastify();
    await app.register(ledgerRoutes(ledger));
    const get = async (path: string): Promise<Uint8Array | undefined> => {
      const answer = await app.inject({ url: `/ledger/${path}` });
      return answer.statusCode === 200 ? answer.rawPayload : undefined;
    };
    const key = parseVerifierKey(
      nodeHashing,
      Buffer.from((await get('key')) ?? [])
        .toString()
        .trim(),
    );
    if (key === undefined) throw new Error('no key');
    const result = await verifyLog({
      hashing: nodeHashing,
      source: {
        checkpoint: async () => Buffer.from((await get('checkpoint')) ?? []).toString(),
        tile: (name) => get(tilePath(name)),
      },
      verifiers: [noteVerifierOf(key)],
      remembered: [],
    });
    expect(result).toMatchObject({ ok: true, checkpoint: { size: 700 } });
    expect((await app.inject({ url: '/ledger/checkpoint' })).headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-cache',
    });
    expect((await app.inject({ url: '/ledger/tile/0/000' })).headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    // A partial tile that a full one replaced is still answered, cut from it.
    expect((await get('tile/0/000.p/3'))?.length).toBe(96);
    for (const path of [
      'tile/0/001.p/256',
      'tile/0/1',
      'tile/0/00a',
      'tile/../keys/signing.pem',
      'tile/%2e%2e/keys/payload.key',
      'tile/64/000',
      'tile/0/000.p/0',
      'tile/entries/9999',
    ]) {
      expect([path, await get(path)]).toEqual([path, undefined]);
      expect(parseTilePath(path)).toBeUndefined();
    }
    await app.close();
    await ledger.close();
    rmSync(folder, { recursive: true });
  });
});
