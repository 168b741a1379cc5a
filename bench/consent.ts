import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interface } from 'ethers';
import fastify from 'fastify';
import { startAnvil } from '../src/adapters/chain/anvil.ts';
import { consentSigning } from '../src/adapters/chain/consent-signing.ts';
import { deployContracts } from '../src/adapters/chain/deploy.ts';
import { consentRegistryAbi } from '../src/adapters/chain/generated/consent-registry.ts';
import { createPeerBus } from '../src/adapters/chain/peer-bus.ts';
import { createRelayer } from '../src/adapters/chain/relayer.ts';
import { createRegistryReplica, type RegistryReplica } from '../src/adapters/chain/replica.ts';
import { createRpc } from '../src/adapters/chain/rpc.ts';
import {
  newWalletKey,
  type SignedGrant,
  type SignedRevocation,
  signGrant,
  signRevocation,
} from '../src/adapters/chain/sign.ts';
import type { EpochSeconds, GranteeKey, GrantId, SubjectKey } from '../src/domain/consent/grant.ts';
import { consentDomain, type GrantTerms, grantArguments } from '../src/domain/consent/typed-data.ts';
import type { Instant } from '../src/domain/instant.ts';
import { peerPath, peerRoutes } from '../src/http/peers.ts';
import type { Row } from './main.ts';

interface Worked {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly perSecond: number;
  readonly perSecondFew: number;
  readonly p50: number;
  readonly p99: number;
  readonly rssMb: number;
}

const word = () => `0x${randomBytes(32).toString('hex')}`;
const never = 0 as EpochSeconds;
const registry = new Interface(consentRegistryAbi);
const far = 2 ** 40 - 1;

export async function run(options: { quick: boolean }): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'consentry-bench-'));
  try {
    const grants = options.quick ? 200_000 : 1_000_000;
    const small = work(folder, 1_000, options);
    const large = work(folder, grants, options);
    const chain = await onChain(folder, options);
    const many = `${grants / 1000} k grants of ${grants / 5000} k patients`;
    return [
      row(`decisions, a random patient each, ${many}`, large.perSecond, '1/s', 500_000, 'least'),
      row('  p50, any patient', large.p50, 'us'),
      row('  p99, any patient', large.p99, 'us', 50),
      row(
        '  of the same 128 patients, against 1 k grants',
        large.perSecondFew / small.perSecondFew,
        'ratio',
        0.8,
        'least',
      ),
      row('  against eth_call of the same check', large.perSecond / chain.callsPerSecond, 'times'),
      row('eth_call of the check, p50', chain.callP50, 'ms'),
      row(`resident memory, ${many}`, large.rssMb, 'MB', 600),
      row('start from snapshot', large.seconds, 's', 5),
      row('  processor time of it', large.cpuSeconds, 's'),
      row('cold sync from the chain', chain.eventsPerSecond, 'events/s'),
      row('signed grants relayed on a 100 ms chain', chain.grantsPerSecond, '1/s', 250, 'least'),
      row('one signed grant until it is seen, median', chain.establishMs, 'ms', 200),
      row('revocation to denial, signed, same gateway, p99', chain.onSightMs, 'ms', 100),
      row('revocation to denial, second gateway, told by the first, p99', chain.atPeerMs, 'ms', 1_000),
      row('revocation to denial, from the chain, median', chain.revokeP50, 'ms'),
      row('revocation to denial, from the chain, worst', chain.revokeMax, 'ms', 1_100),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A replica's start and its decisions, in a process of its own. */
function work(folder: string, grants: number, options: { quick: boolean }): Worked {
  const worker = join(import.meta.dirname, 'consent-worker.ts');
  const file = join(folder, `snapshot-${grants}`);
  execFileSync(process.execPath, [worker, 'make', file, String(grants)]);
  const decisions = options.quick ? 500_000 : 5_000_000;
  const output = execFileSync(process.execPath, [worker, 'use', file, String(grants), String(decisions)]);
  rmSync(file);
  return JSON.parse(output.toString()) as Worked;
}

async function onChain(folder: string, options: { quick: boolean }) {
  const count = options.quick ? 300 : 2_000;
  const anvil = await startAnvil({ blockTime: 0.1 });
  const [owner] = anvil.accounts;
  if (!owner) throw new Error('The chain has no account.');
  const { consentRegistry: contract, chainId, block: fromBlock } = await deployContracts(anvil.rpcUrl, owner.key);
  const base = { chainId, contract };
  const relayer = createRelayer({
    ...base,
    rpcUrl: anvil.rpcUrl,
    key: owner.key,
    queueFile: join(folder, 'q'),
    pollMs: 10,
  });
  const follow = () =>
    createRegistryReplica({ ...base, fromBlock, rpcUrls: [anvil.rpcUrl], finality: 'latest', pollMs: 20 });
  const replica = follow();
  await relayer.start();
  await replica.start();
  const domain = consentDomain(chainId, contract);
  const sign = async () => {
    const wallet = newWalletKey(randomBytes);
    const terms = termsOf(word() as SubjectKey);
    return { wallet, signed: await signGrant(wallet.key, terms, domain, far) };
  };

  const many = await Promise.all(Array.from({ length: count }, sign));
  const registered = await Promise.all(
    many.map(({ wallet, signed }) => relayer.register(signed.terms.subject, wallet.address)),
  );
  await Promise.all(registered.map((ticket) => ticket.settled));
  const began = performance.now();
  const tickets = await Promise.all(many.map(({ signed }) => relayer.grant(signed)));
  await Promise.all(tickets.map((ticket) => ticket.settled));
  const grantsPerSecond = count / ((performance.now() - began) / 1000);

  const coldStart = performance.now();
  const cold = follow();
  await cold.start();
  const eventsPerSecond = cold.metrics().events / ((performance.now() - coldStart) / 1000);
  await cold.stop();

  const established: number[] = [];
  const revocations: number[] = [];
  const onSight: number[] = [];
  for (let n = 0; n < (options.quick ? 10 : 40); n++) {
    const { wallet, signed } = await sign();
    await (await relayer.register(signed.terms.subject, wallet.address)).settled;
    const { subject } = signed.terms;
    const granted = performance.now();
    void relayer.grant(signed);
    await shown(replica, subject, signed.id, true);
    established.push(performance.now() - granted);
    const revocation = await signRevocation(wallet.key, subject, signed.id, domain);
    const revoked = performance.now();
    if (n % 2 === 0) {
      replica.revokeOnSight(signed.id);
      await relayer.revoke(revocation);
      if (replica.view()?.grantsOf(subject).length === 0) onSight.push(performance.now() - revoked);
    } else {
      void relayer.revoke(revocation);
      await shown(replica, subject, signed.id, false);
      revocations.push(performance.now() - revoked);
    }
  }

  const atPeer = await revokedAtPeer(follow(), base, options.quick ? 10 : 40, async () => {
    const { wallet, signed } = await sign();
    const { subject } = signed.terms;
    await (await relayer.register(subject, wallet.address)).settled;
    await (await relayer.grant(signed)).settled;
    return { subject, id: signed.id, revocation: await signRevocation(wallet.key, subject, signed.id, domain) };
  });

  const calls = await ethCalls(anvil.rpcUrl, contract, many[0]?.signed, options.quick ? 300 : 2_000);
  await replica.stop();
  await relayer.stop();
  await anvil.stop();
  return {
    grantsPerSecond,
    eventsPerSecond,
    establishMs: quantile(established, 0.5),
    revokeP50: quantile(revocations, 0.5),
    revokeMax: quantile(revocations, 1),
    onSightMs: quantile(onSight, 0.99),
    atPeerMs: quantile(atPeer, 0.99),
    callP50: quantile(calls, 0.5),
    callsPerSecond: 1000 / (calls.reduce((sum, ms) => sum + ms, 0) / calls.length),
  };
}

/** Told over HTTP, as one gateway tells another; the relayer is told nothing, so that the chain cannot be what shut it. */
async function revokedAtPeer(
  replica: RegistryReplica,
  chain: { readonly chainId: number; readonly contract: string },
  count: number,
  granted: () => Promise<{ subject: SubjectKey; id: GrantId; revocation: SignedRevocation }>,
): Promise<number[]> {
  await replica.start();
  const app = fastify();
  peerRoutes(app, {
    registry: replica,
    signing: consentSigning,
    chain,
    clock: { now: () => Date.now() as Instant },
    askChain: undefined,
    keep: async () => {},
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const bus = createPeerBus({ peers: [url], path: peerPath, timeoutMs: 2_000, keepMs: 60_000, failed: () => {} });
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const { subject, id, revocation } = await granted();
    if (replica.grant(id) === undefined) await shown(replica, subject, id, true);
    const told = performance.now();
    bus.announce(revocation);
    while (replica.view()?.grantsOf(subject).length !== 0) await new Promise(setImmediate);
    times.push(performance.now() - told);
  }
  await bus.close();
  await app.close();
  await replica.stop();
  return times;
}

/** The way without a replica: the contract is asked in the request path. */
async function ethCalls(url: string, to: string, signed: SignedGrant | undefined, count: number): Promise<number[]> {
  if (!signed) return [];
  const rpc = createRpc(url);
  const { name } = grantArguments(signed.terms);
  const { subject, grantee } = signed.terms;
  const actor = [{ kind: name.granteeKind, key: grantee }];
  const question = { subject, actor, action: 0, purpose: 0, classes: 64, labels: 0, dataFrom: 0, dataTo: 0 };
  const data = registry.encodeFunctionData('check', [question, [name]]);
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    if (Number(await rpc.call('eth_call', [{ to, data }, 'latest'])) !== 1) throw new Error('The contract denied.');
    times.push(performance.now() - began);
  }
  await rpc.close();
  return times;
}

function shown(replica: RegistryReplica, subject: SubjectKey, id: GrantId, there: boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = replica.onView((view) => {
      if (view.grantsOf(subject).some((grant) => grant.id === id) !== there) return;
      stop();
      resolve();
    });
  });
}

function termsOf(subject: SubjectKey): GrantTerms {
  const scope = { actions: 3, purposes: 1, classes: 64, labels: 0, conditions: 0 };
  const times = { from: never, until: never, dataFrom: never, dataUntil: never };
  const grantee = word() as GranteeKey;
  return {
    subject,
    granteeKind: 'organisation',
    grantee,
    effect: 'permit',
    ...scope,
    ...times,
    terms: word(),
    nonce: '1',
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function row(name: string, figure: number, unit: string, reach?: number, kind: 'most' | 'least' = 'most'): Row {
  if (reach === undefined) return { name, figure, unit, reach: '', ok: null };
  return { name, figure, unit, reach: String(reach), ok: kind === 'most' ? figure <= reach : figure >= reach };
}
