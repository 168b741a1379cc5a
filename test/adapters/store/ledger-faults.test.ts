import { rmSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { FilesLedger } from '../../../src/adapters/store/files-ledger.ts';
import { auditFolder } from '../../../src/adapters/store/folder-audit.ts';
import { nodeHashing } from '../../../src/adapters/store/node-hash.ts';
import { leafHashOf } from '../../../src/adapters/store/recovery.ts';
import { toBase64Url } from '../../../src/domain/ledger/base64.ts';
import type { Checkpoint } from '../../../src/domain/ledger/checkpoint.ts';
import type { LedgerReceipt } from '../../../src/domain/ledger/entry.ts';
import { verifyConsistency } from '../../../src/domain/ledger/merkle.ts';
import { type Fault, faultyFiles } from './faulty-files.ts';
import { entryOf, memoryKeys, open, temporaryFolder } from './ledger-fixture.ts';

/** Every nth call only, so that `npm test` stays short; the soak takes them all. */
const STRIDE = Number(process.env.CONSENTRY_FAULT_STRIDE ?? 29);

interface Seen {
  readonly receipts: LedgerReceipt[];
  readonly checkpoints: Checkpoint[];
}

const appendSome = async (ledger: FilesLedger, seen: Seen, count: number, name: string): Promise<number> => {
  const results = await Promise.allSettled(
    Array.from({ length: count }, (_, i) => ledger.append(entryOf(`${name}-${i}`))),
  );
  for (const result of results) if (result.status === 'fulfilled') seen.receipts.push(result.value);
  return results.filter(({ status }) => status === 'rejected').length;
};

/** A small life of a log: batches, publications, a tile that fills. */
const live = async (ledger: FilesLedger, seen: Seen): Promise<void> => {
  ledger.onPublish((checkpoint) => seen.checkpoints.push(checkpoint));
  for (let round = 0; round < 4; round++) {
    await appendSome(ledger, seen, round === 2 ? 260 : 3, `round-${round}`);
    await ledger.integrate().catch(() => undefined);
  }
};

const demandAll = async (ledger: FilesLedger, seen: Seen): Promise<void> => {
  // The one fault may fall into this very call.
  await ledger.integrate().catch(() => ledger.integrate());
  expect(new Set(seen.receipts.map(({ index }) => index)).size).toBe(seen.receipts.length);
  for (const { index, leaf } of seen.receipts) {
    const stored = await ledger.leaf(index);
    expect([index, stored && toBase64Url(leafHashOf(stored))]).toEqual([index, leaf]);
  }
  for (const { size, root } of seen.checkpoints) {
    const { checkpoint, path } = await ledger.consistency(size);
    expect(verifyConsistency(nodeHashing, size, checkpoint.size, root, checkpoint.root, path)).toBe(true);
  }
};

const limits = { retryMs: 0, integrateMs: 600_000, leaseMs: 1000 };
let late = 0;
/** Always later than the lease of whoever was left behind. */
const clock = { now: () => (Date.now() + late) as never };

const countCalls = async (): Promise<number> => {
  const folder = temporaryFolder();
  const files = faultyFiles(0, 'EIO');
  const ledger = await open(folder, { files, clock, limits });
  await live(ledger, { receipts: [], checkpoints: [] });
  await ledger.close();
  rmSync(folder, { recursive: true });
  return files.calls();
};

const withFault = async (at: number, fault: Fault): Promise<void> => {
  const folder = temporaryFolder();
  const payloadKeys = memoryKeys();
  const seen: Seen = { receipts: [], checkpoints: [] };
  const started = await open(folder, { payloadKeys, files: faultyFiles(at, fault), clock, limits }).catch(
    () => undefined,
  );
  if (started !== undefined) {
    await live(started, seen);
    if (fault !== 'kill') {
      // The disk is well again: the log goes on by itself, without a restart.
      if ((await appendSome(started, seen, 2, 'afterwards')) > 0)
        expect(await appendSome(started, seen, 2, 'again')).toBe(0);
      expect(started.healthy()).toBe(true);
      await demandAll(started, seen);
    }
    await started.close().catch(() => undefined);
  }
  late += 10_000;
  const next = await open(folder, { payloadKeys, clock, limits });
  await demandAll(next, seen);
  expect(await appendSome(next, seen, 2, 'restarted')).toBe(0);
  await demandAll(next, seen);
  await next.close();
  expect(await auditFolder({ folder })).toMatchObject({ ok: true, checkpoint: { size: expect.any(Number) } });
  rmSync(folder, { recursive: true });
};

describe('a disk that fails', () => {
  it.each(['EIO', 'ENOSPC', 'kill'] as const)(
    'loses nothing acknowledged, whichever call meets %s',
    async (fault) => {
      const calls = await countCalls();
      const first = ['EIO', 'ENOSPC', 'kill'].indexOf(fault) * 2;
      for (let at = 1 + (first % STRIDE); at <= calls; at += STRIDE) {
        try {
          await withFault(at, fault);
        } catch (error) {
          throw new Error(`${fault} at call ${at} of ${calls}`, { cause: error });
        }
      }
    },
    600_000,
  );

  it('refuses while the disk is full, and serves again by itself', async () => {
    const folder = temporaryFolder();
    let full = false;
    const real = faultyFiles(0, 'EIO');
    const files = {
      ...real,
      openFile: async (path: string) => {
        const file = await real.openFile(path);
        return {
          ...file,
          write: (bytes: Uint8Array, at: number) =>
            full ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : file.write(bytes, at),
        };
      },
    };
    const ledger = await open(folder, { files, limits: { ...limits, retryMs: 20 } });
    const seen: Seen = { receipts: [], checkpoints: [] };
    expect(await appendSome(ledger, seen, 5, 'before')).toBe(0);
    full = true;
    expect(await appendSome(ledger, seen, 5, 'full')).toBe(5);
    expect(ledger.healthy()).toBe(false);
    full = false;
    while ((await appendSome(ledger, seen, 1, 'again')) > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(ledger.healthy()).toBe(true);
    await demandAll(ledger, seen);
    expect(ledger.size()).toBe(6);
    await ledger.close();
    rmSync(folder, { recursive: true });
  });
});
