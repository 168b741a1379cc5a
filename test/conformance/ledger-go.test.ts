import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WASI } from 'node:wasi';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fastify from 'fastify';
import { toBase64 } from '../../src/domain/ledger/base64.ts';
import { hashesAtLevel, TILE_WIDTH, tilePath } from '../../src/domain/ledger/tiles.ts';
import { ledgerRoutes } from '../../src/http/ledger.ts';
import { fill, open, temporaryFolder } from '../adapters/store/ledger-fixture.ts';

/** So many that there are tiles of three levels. */
const SIZE = 66_000;
const program = gunzipSync(readFileSync(join(import.meta.dirname, 'ledger-go', 'ledger-check.wasm.gz')));

/** Every file that is served of a log of `size`. */
const pathsOf = (size: number): readonly string[] => {
  const paths = ['checkpoint'];
  const add = (level: number | 'entries', count: number): void => {
    for (let index = 0; index * TILE_WIDTH < count; index++)
      paths.push(tilePath({ level, index, width: Math.min(TILE_WIDTH, count - index * TILE_WIDTH) }));
  };
  add('entries', size);
  for (let level = 0; hashesAtLevel(level, size) > 0; level++) add(level, hashesAtLevel(level, size));
  return paths;
};

describe('Go x/mod/sumdb over the served ledger', () => {
  const folder = temporaryFolder();
  const mirror = temporaryFolder();
  const older: string[] = [];
  let module: WebAssembly.Module;
  let verifierKey = '';

  beforeAll(async () => {
    module = await WebAssembly.compile(new Uint8Array(program));
    const ledger = await open(folder, { limits: { integrateMs: 600_000 } });
    for (let size = 0; size < SIZE; ) {
      const count = Math.min([1, 2, 252, 1, 1][older.length / 2] ?? 1500, SIZE - size);
      await fill(ledger, count, size);
      const { root } = await ledger.integrate();
      size += count;
      older.push(String(size), toBase64(root));
    }
    ({ verifierKey } = ledger);
    const app = fastify();
    await app.register(ledgerRoutes(ledger));
    const base = `${await app.listen({ port: 0, host: '127.0.0.1' })}/ledger/`;
    for (const path of pathsOf(SIZE)) {
      const answer = await fetch(base + path);
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`);
      mkdirSync(dirname(join(mirror, path)), { recursive: true });
      writeFileSync(join(mirror, path), Buffer.from(await answer.arrayBuffer()));
    }
    await app.close();
    await ledger.close();
  }, 180_000);

  afterAll(() => {
    for (const each of [folder, mirror]) rmSync(each, { recursive: true });
  });

  const check = async (key = verifierKey): Promise<{ readonly status: number; readonly text: string }> => {
    const output = join(folder, 'output');
    const stdout = openSync(output, 'w');
    try {
      const wasi = new WASI({
        version: 'preview1',
        args: ['ledger-check', '/log', key, ...older],
        preopens: { '/log': mirror },
        stdout,
      });
      const imports = wasi.getImportObject() as WebAssembly.Imports;
      const status = wasi.start(await WebAssembly.instantiate(module, imports));
      return { status, text: readFileSync(output, 'utf8') };
    } finally {
      closeSync(stdout);
    }
  };

  it('runs the program that the read-me names', () => {
    const readMe = readFileSync(join(import.meta.dirname, 'ledger-go', 'README.md'), 'utf8');
    expect(readMe).toContain(`\`${createHash('sha256').update(program).digest('hex')}\``);
  });

  it('verifies signature, every leaf, inclusion, and consistency with every checkpoint seen', async () => {
    expect(older.filter((_, i) => i % 2 === 0).slice(0, 6)).toEqual(['1', '3', '255', '256', '257', '1757']);
    expect(await check()).toEqual({ status: 0, text: `ok ${SIZE}\n` });
  }, 120_000);

  it('refuses the key of another log', async () => {
    const other = verifierKey.replace('ledger.example/test', 'ledger.example/other');
    expect(await check(other)).toMatchObject({ status: 1, text: expect.stringContaining('refused') });
  });

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
      const file = join(mirror, name);
      const before = readFileSync(file);
      const changed = Buffer.from(before);
      const index = at < 0 ? before.length + at : at;
      changed[index] = (changed[index] ?? 0) ^ 1;
      writeFileSync(file, changed);
      const { status, text } = await check();
      writeFileSync(file, before);
      expect([name, status, text.startsWith('refused')]).toEqual([name, 1, true]);
    },
    60_000,
  );
});
