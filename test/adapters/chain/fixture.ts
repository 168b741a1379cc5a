import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Anvil, startAnvil } from '../../../src/adapters/chain/anvil.ts';
import { type Deployment, deployContracts } from '../../../src/adapters/chain/deploy.ts';
import { newWalletKey } from '../../../src/adapters/chain/sign.ts';
import type { EpochSeconds, GranteeKey, SubjectKey } from '../../../src/domain/consent/grant.ts';
import { consentDomain, type GrantTerms, type TypedDataDomain } from '../../../src/domain/consent/typed-data.ts';

export interface Chain {
  readonly anvil: Anvil;
  readonly deployment: Deployment;
  readonly domain: TypedDataDomain;
  readonly folder: string;
  /** The registrar's, attester's and deployer's key. */
  readonly key: string;
  stop(): Promise<void>;
}

export const origin = 'ledger.example/one';

export async function startChain(options: { blockTime?: number; slotsInAnEpoch?: number } = {}): Promise<Chain> {
  const folder = await mkdtemp(join(tmpdir(), 'consentry-chain-'));
  const anvil = await startAnvil({ blockTime: 0.1, ...options });
  const [owner] = anvil.accounts;
  if (!owner) throw new Error('The chain has no accounts.');
  const deployment = await deployContracts(anvil.rpcUrl, owner.key, { logs: [{ origin, writer: owner.address }] });
  return {
    anvil,
    deployment,
    domain: consentDomain(deployment.chainId, deployment.consentRegistry),
    folder,
    key: owner.key,
    async stop() {
      await anvil.stop();
      await rm(folder, { recursive: true });
    },
  };
}

export function word(): string {
  return `0x${randomBytes(32).toString('hex')}`;
}

export const newSubject = () => word() as SubjectKey;
export const newGrantee = () => word() as GranteeKey;
export const newPatient = () => ({ subject: newSubject(), wallet: newWalletKey(randomBytes) });

export const seconds = (value: number) => value as EpochSeconds;

export function termsFor(subject: SubjectKey, change: Partial<GrantTerms> = {}): GrantTerms {
  return {
    subject,
    granteeKind: 'organisation',
    grantee: newGrantee(),
    effect: 'permit',
    actions: 0b11,
    purposes: 1,
    classes: 1 << 6,
    labels: 0,
    conditions: 0,
    from: seconds(0),
    until: seconds(0),
    dataFrom: seconds(0),
    dataUntil: seconds(0),
    terms: word(),
    nonce: String(randomBytes(6).readUIntBE(0, 6)),
    ...change,
  };
}

export const far = 2 ** 40 - 1;

/** Waits for a condition without a fixed pause; fails loudly. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 15_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It did not come about that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
