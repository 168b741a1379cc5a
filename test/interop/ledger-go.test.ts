import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import type { FilesLedger } from '../../src/adapters/store/files-ledger.ts';
import { toBase64 } from '../../src/domain/ledger/base64.ts';
import { ledgerRoutes } from '../../src/http/ledger.ts';
import { fill, open, temporaryFolder } from '../adapters/store/ledger-fixture.ts';

/** Go's own verifier: golang.org/x/mod/sumdb, which is not ours and knows nothing of us. */
const SIZE = 66_000;

describe('Go x/mod/sumdb over the served ledger', () => {
  const folder = temporaryFolder();
  const program = join(temporaryFolder(), 'ledger-check');
  const older: string[] = [];
  let ledger: FilesLedger;
  let app: FastifyInstance;
  let base = '';

  beforeAll(async () => {
    if (spawnSync('go', ['version']).status !== 0) throw new Error('This suite needs Go 1.24 or newer on the path.');
    const built = spawnSync('go', ['build', '-mod=mod', '-o', program, '.'], {
      cwd: join(import.meta.dirname, '../conformance/ledger-go'),
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(built.stderr);
    ledger = await open(folder, { limits: { integrateMs: 50 } });
    ledger.onPublish(({ size, root }) => {
      if (size > 0 && older.length < 400) older.push(String(size), toBase64(root));
    });
    for (let size = 0; size < SIZE; size += 50) await fill(ledger, 50, size);
    await ledger.integrate();
    app = fastify();
    await app.register(ledgerRoutes(ledger));
    base = `${await app.listen({ port: 0, host: '127.0.0.1' })}/ledger/`;
  }, 180_000);

  afterAll(async () => {
    await app?.close();
    await ledger?.close();
    rmSync(folder, { recursive: true });
  });

  // Asynchronous: the server that Go reads from runs in this very process.
  const check = (): Promise<{ status: number | null; text: string }> =>
    new Promise((resolve) => {
      const child = spawn(program, [base, ledger.verifierKey, ...older]);
      let text = '';
      child.stdout.on('data', (data) => {
        text += String(data);
      });
      child.on('close', (status) => resolve({ status, text }));
    });

  it('verifies signature, every leaf, inclusion, and consistency with every checkpoint seen', async () => {
    expect(older.length).toBeGreaterThan(40);
    expect(await check()).toEqual({ status: 0, text: `ok ${SIZE}\n` });
  }, 120_000);

  it.each([
    ['checkpoint', 3],
    ['checkpoint', 40],
    ['checkpoint', -5],
    ['tile/0/000', 1000],
    ['tile/0/257.p/208', 100],
    ['tile/1/000', 33],
    ['tile/1/001.p/1', 0],
    ['tile/2/000.p/1', 5],
    ['tile/entries/000', 500],
    ['tile/entries/257.p/208', -1],
  ])(
    'refuses a flipped bit in %s at %i',
    async (name, at) => {
      const file = join(folder, 'log', name);
      const before = readFileSync(file);
      const changed = Buffer.from(before);
      const index = at < 0 ? before.length + at : at;
      changed[index] = (changed[index] ?? 0) ^ 1;
      writeFileSync(file, changed);
      // The checkpoint is served from memory: put the changed one on the wire by reading it as a mirror would.
      const mirror = fastify();
      await mirror.register(
        ledgerRoutes({
          verifierKey: ledger.verifierKey,
          resource: async (path) => {
            try {
              return readFileSync(join(folder, 'log', path));
            } catch {
              return undefined;
            }
          },
        }),
      );
      const served = base;
      base = `${await mirror.listen({ port: 0, host: '127.0.0.1' })}/ledger/`;
      const { status, text } = await check();
      base = served;
      await mirror.close();
      writeFileSync(file, before);
      expect([name, status, text.startsWith('refused')]).toEqual([name, 1, true]);
    },
    120_000,
  );
});
