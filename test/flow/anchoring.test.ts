import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { createLedgerAnchor, type LedgerAnchorClient } from '../../src/adapters/chain/anchor.ts';
import { startAnvil } from '../../src/adapters/chain/anvil.ts';
import { deployContracts } from '../../src/adapters/chain/deploy.ts';
import type { FilesLedger } from '../../src/adapters/store/files-ledger.ts';
import { openRotatingFiles } from '../../src/adapters/store/rotating-files.ts';
import { anchorLedger } from '../../src/app/anchoring.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { ledgerRoutes } from '../../src/http/ledger.ts';
import type { Telemetry } from '../../src/ports.ts';
import { until } from '../adapters/chain/fixture.ts';
import { entryOf, memoryKeys, systemClock, systemRandom, temporaryFolder } from '../adapters/store/ledger-fixture.ts';

const origins = ['house.example/a', 'house.example/b'] as const;
const folders = [temporaryFolder(), temporaryFolder()] as const;
const failures: string[] = [];
const telemetry: Telemetry = {
  stage: () => undefined,
  answered: () => undefined,
  failed: (part, name) => failures.push(`${part} ${name}`),
  gauge: () => undefined,
};
const open = (folder: string, origin: string): Promise<FilesLedger> =>
  openRotatingFiles({ folder, origin, payloadKeys: memoryKeys(), clock: systemClock, random: systemRandom });

let anvil: Awaited<ReturnType<typeof startAnvil>>;
let client: LedgerAnchorClient;
let a: FilesLedger;
let b: FilesLedger;
let served: FastifyInstance;
let url: string;
const batches: string[][] = [];

beforeAll(async () => {
  anvil = await startAnvil({ blockTime: 0.1 });
  const [owner] = anvil.accounts;
  if (owner === undefined) throw new Error('no account');
  const { chainId, ledgerAnchor } = await deployContracts(anvil.rpcUrl, owner.key, {
    logs: origins.map((origin) => ({ origin, writer: owner.address })),
  });
  const real = createLedgerAnchor({ rpcUrl: anvil.rpcUrl, key: owner.key, chainId, contract: ledgerAnchor });
  client = {
    ...real,
    anchorAll: (requests) => {
      batches.push(requests.map(({ origin }) => origin));
      return real.anchorAll(requests);
    },
  };
  [a, b] = await Promise.all([open(folders[0], origins[0]), open(folders[1], origins[1])]);
  served = Fastify();
  await served.register(ledgerRoutes(b));
  url = await served.listen({ host: '127.0.0.1', port: 0 });
}, 60_000);
afterAll(async () => {
  await served.close();
  await Promise.all([a.close(), b.close()]);
  await client.stop();
  await anvil.stop();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const anchoring = (key = b.verifierKey) =>
  anchorLedger({
    ledger: a,
    client: { ...client, stop: async () => undefined },
    config: { anchorSeconds: 0.1, anchorFor: [{ url: `${url}/ledger`, key }] },
    telemetry,
    clock: systemClock,
  });
const sizes = (...names: readonly string[]) =>
  Promise.all(names.map(async (name) => (await client.latest(name))?.size ?? 0));

describe('the anchors of a house', () => {
  it('take every log of every gateway in one transaction, closed ones and their successors too', async () => {
    await a.append(entryOf('1'));
    for (const name of ['2', '3']) await b.append(entryOf(name));
    await Promise.all([a.integrate(), b.integrate()]);
    const running = anchoring();
    await until(async () => String(await sizes(...origins)) === '1,2', 'both logs are anchored');
    expect(batches).toContainEqual([...origins]);
    for (const ledger of [a, b]) {
      await ledger.append(entryOf('4', { at: Date.parse('2027-01-01T00:00:00Z') as Instant }));
      for (const log of ledger.logs()) await log.integrate();
    }
    const all = origins.flatMap((origin) => [origin, `${origin}/2027h1`]);
    await until(async () => String(await sizes(...all)) === '2,2,3,2', 'the four logs are anchored');
    await until(() => running.last()?.size === 4, 'the gateway knows what of its own is anchored');
    expect([running.refused(), failures]).toEqual([false, []]);
    await running.stop();
  }, 60_000);

  it('go on for the others when one log is not signed by its key, or another history', async () => {
    await a.append(entryOf('5'));
    await a.integrate();
    const running = anchoring(a.verifierKey);
    const before = (await sizes(`${origins[0]}/2027h1`))[0] ?? 0;
    await until(async () => ((await sizes(`${origins[0]}/2027h1`))[0] ?? 0) > before, 'the own log is anchored');
    await running.stop();
    expect(new Set(failures)).toEqual(new Set(['anchor Error']));
    failures.length = 0;
    const folder = temporaryFolder();
    const fork = await open(folder, origins[1]);
    for (const name of ['x', 'y', 'z', 'w']) await fork.append(entryOf(name));
    await fork.integrate();
    const forked = anchorLedger({
      ledger: { leads: () => true, logs: () => [...a.logs(), fork] },
      client: { ...client, stop: async () => undefined },
      config: { anchorSeconds: 0.1, anchorFor: [] },
      telemetry,
      clock: systemClock,
    });
    await a.append(entryOf('6'));
    await a.integrate();
    await until(async () => ((await sizes(`${origins[0]}/2027h1`))[0] ?? 0) > before + 1, 'the own log is anchored');
    await until(() => forked.refused(), 'the fork is refused');
    expect(await sizes(origins[1])).toEqual([3]);
    await forked.stop();
    await fork.close();
    rmSync(folder, { recursive: true });
  }, 60_000);
});
