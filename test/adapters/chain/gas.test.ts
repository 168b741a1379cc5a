import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Interface } from 'ethers';
import { consentRegistryAbi } from '../../../src/adapters/chain/generated/consent-registry.ts';
import { ledgerAnchorAbi } from '../../../src/adapters/chain/generated/ledger-anchor.ts';
import { createSender, type Sender } from '../../../src/adapters/chain/sender.ts';
import { originHash, signGrant, signRevocation } from '../../../src/adapters/chain/sign.ts';
import { grantArguments, scopeOf } from '../../../src/domain/consent/typed-data.ts';
import { type Chain, far, newPatient, newSubject, origin, seconds, startChain, termsFor, word } from './fixture.ts';

/** Whole transactions, as the chain charges them. UPDATE_GAS=1 writes the snapshot anew. */
const file = join(import.meta.dirname, '../../../contracts/gas-snapshot.json');
const reach: Record<string, number> = {
  grant: 85_000,
  'signed grant': 115_000,
  revoke: 40_000,
  anchor: 65_000,
  'anchor of one log of three': 65_000,
};

const registry = new Interface(consentRegistryAbi);
const anchor = new Interface(ledgerAnchorAbi);

/** In a tree of equal leaves a subtree's root depends on its size alone, so that large trees cost nothing. */
const roots = new Map<number, Buffer>();
const split = (size: number) => 2 ** Math.floor(Math.log2(size - 1));
function rootOf(size: number): Buffer {
  const known = roots.get(size);
  if (known) return known;
  const hash = createHash('sha256');
  if (size === 1) hash.update('\0leaf');
  else {
    const k = split(size);
    hash
      .update('\x01')
      .update(rootOf(k))
      .update(rootOf(size - k));
  }
  const root = hash.digest();
  roots.set(size, root);
  return root;
}

function consistency(size: number, total: number, whole = true): Buffer[] {
  if (size === total) return whole ? [] : [rootOf(total)];
  const k = split(total);
  return size <= k
    ? [...consistency(size, k, whole), rootOf(total - k)]
    : [...consistency(size - k, total - k, false), rootOf(k)];
}

describe('the gas of each transaction', () => {
  let chain: Chain;
  let owner: Sender;
  let patient: Sender;
  let patientKey: string;
  const subject = newSubject();
  const measured: Record<string, number> = {};

  beforeAll(async () => {
    chain = await startChain();
    const { chainId } = chain.deployment;
    const account = chain.anvil.accounts[1];
    patientKey = account?.key ?? '';
    owner = createSender({ rpcUrl: chain.anvil.rpcUrl, key: chain.key, chainId, pollMs: 20 });
    patient = createSender({ rpcUrl: chain.anvil.rpcUrl, key: patientKey, chainId, pollMs: 20 });

    const call = async (name: string, sender: Sender, method: string, parameters: readonly unknown[]) => {
      const data = registry.encodeFunctionData(method, parameters);
      const receipt = await sender.send({ to: chain.deployment.consentRegistry, data });
      expect(receipt.ok).toBe(true);
      measured[name] = receipt.gasUsed;
    };
    await call('register', owner, 'registerSubject', [subject, patient.address]);
    const until = seconds(4_000_000_000);
    const terms = termsFor(subject, { until, labels: 5, dataFrom: seconds(1), dataUntil: until, conditions: 1 });
    const { name, effect, scope } = grantArguments(terms);
    await call('grant', patient, 'grant', [name, effect, scope]);
    const signed = await signGrant(patientKey, { ...terms, terms: word() }, chain.domain, far);
    const parts = grantArguments(signed.terms);
    const { deadline, signer, signature } = signed;
    await call('signed grant', owner, 'grantBySig', [
      parts.name,
      parts.effect,
      parts.scope,
      deadline,
      signer,
      signature,
    ]);
    await call('narrow', patient, 'narrow', [subject, signed.id, scopeOf({ ...terms, classes: 64, labels: 1 })]);
    await call('attest', owner, 'attest', [signed.id, 0, until, word()]);
    await call('withdraw', owner, 'withdraw', [signed.id, 0]);
    const ours = await idOf(name);
    await call('revoke', patient, 'revoke', [subject, ours]);
    const revocation = await signRevocation(patientKey, subject, signed.id, chain.domain);
    await call('signed revoke', owner, 'revokeBySig', [subject, signed.id, revocation.signer, revocation.signature]);
    await call('delegate', patient, 'setDelegate', [subject, newPatient().wallet.address, 3, until]);

    for (const [size, old] of [
      [70_001, 0],
      [1_199_999, 70_001],
    ] as const) {
      const proof = old === 0 ? [] : consistency(old, size);
      const data = anchor.encodeFunctionData('anchor', [
        { origin: originHash(origin), size, root: rootOf(size), proof },
      ]);
      const receipt = await owner.send({ to: chain.deployment.ledgerAnchor, data });
      expect(receipt.ok).toBe(true);
      measured[old === 0 ? 'first anchor' : 'anchor'] = receipt.gasUsed;
    }
    const row = async (name: string, half: number) => {
      const opened = anchor.encodeFunctionData('openHalfYear', [origin, 2027 + half, false]);
      const receipt = await owner.send({ to: chain.deployment.ledgerAnchor, data: opened });
      measured[name] = receipt.gasUsed;
      return originHash(`${origin}/${2027 + half}h1`);
    };
    // Three logs of a cluster, each with the longest proof of its size: the share of one.
    const logs = [originHash(origin), await row('open a half-year', 0), await row('open a half-year', 1)];
    for (const [old, size] of [
      [0, 70_001],
      [70_001, 1_199_999],
    ] as const) {
      const grown = logs.slice(1).map((each) => ({
        origin: each,
        size,
        root: rootOf(size),
        proof: old === 0 ? [] : consistency(old, size),
      }));
      const first = {
        origin: logs[0],
        size: 2_400_001,
        root: rootOf(2_400_001),
        proof: consistency(1_199_999, 2_400_001),
      };
      const data = anchor.encodeFunctionData('anchorAll', [old === 0 ? grown : [first, ...grown]]);
      const receipt = await owner.send({ to: chain.deployment.ledgerAnchor, data });
      expect(receipt.ok).toBe(true);
      if (old > 0) measured['anchor of one log of three'] = Math.ceil(receipt.gasUsed / logs.length);
    }
    if (process.env.UPDATE_GAS) writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`);
  });

  afterAll(async () => {
    await owner.stop();
    await patient.stop();
    await chain.stop();
  });

  async function idOf(name: unknown): Promise<string> {
    const data = registry.encodeFunctionData('idOf', [name]);
    return owner.rpc.call('eth_call', [{ to: chain.deployment.consentRegistry, data }, 'latest']);
  }

  it('stays within two per cent of the snapshot', () => {
    const snapshot = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
    const grown = Object.entries(measured).filter(([name, gas]) => gas > (snapshot[name] ?? 0) * 1.02);
    expect(grown).toEqual([]);
  });

  it.each(Object.keys(reach))('reaches its aim for %s', (name) => {
    expect(measured[name]).toBeLessThanOrEqual(reach[name] ?? 0);
  });
});
