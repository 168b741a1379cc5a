import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { consentCommand } from '../cli/consent.ts';
import { decideCommand } from '../cli/decide.ts';
import { doctorCommand } from '../cli/doctor.ts';
import { ledgerCommand } from '../cli/ledger.ts';
import { policyCommand } from '../cli/policy.ts';
import { riskCommand } from '../cli/risk.ts';
import { operatorAccess } from './operator.ts';
import { keyBytes } from './secrets.ts';

/** The policies that come with the product. */
export const shippedPolicies = new URL('../../policies/', import.meta.url).pathname;

export async function decide(): Promise<Command> {
  const [{ compileSnapshot }, { readPolicyFolder }] = await Promise.all([
    import('../domain/policy/snapshot.ts'),
    import('../adapters/policies/folder.ts'),
  ]);
  return decideCommand({
    classifier: async () => {
      const load = compileSnapshot(readPolicyFolder(shippedPolicies), '');
      if (!load.ok) throw new Error('The shipped policies do not load.');
      return load.snapshot.classifier;
    },
    now: () => Date.now(),
  });
}

export async function doctor(): Promise<Command> {
  return doctorCommand({
    examine: async function* (config) {
      yield* (await import('./doctor.ts')).examine(config, process.env);
    },
  });
}

export async function policy(): Promise<Command> {
  const [shelf, signatures, { keyRing }] = await Promise.all([
    import('../adapters/policies/shelf.ts'),
    import('../adapters/policies/signatures.ts'),
    import('../adapters/policies/key-ring.ts'),
  ]);
  return policyCommand({
    shelf: shelf.policyShelf,
    access: operatorAccess,
    readFile: (path) => readFileSync(path),
    maskingKeys: (data) => keyRing(data, randomBytes),
    sign: signatures.signText,
    verify: signatures.verifySignature,
    now: () => new Date(),
    write: (bytes) => {
      process.stdout.write(bytes);
    },
    complain: (text) => console.error(text),
    exit: (code) => {
      process.exitCode = code;
    },
  });
}

export async function ledger(): Promise<Command> {
  const [{ createLedgerTools }, { anchoredRoots }] = await Promise.all([
    import('../adapters/store/ledger-tools.ts'),
    import('../adapters/chain/anchor-history.ts'),
  ]);
  return ledgerCommand(
    createLedgerTools({
      anchors: async (rpc, contract, origin) =>
        (await anchoredRoots(rpc, contract, origin)).map(({ size, root, block }) => ({
          size,
          root,
          by: `the chain at block ${block}`,
        })),
      payloadKeys: localKeys,
    }),
    operatorAccess,
  );
}

/** The patients' keys when the vault and its master key lie beside the ledger, as in the demo. */
async function localKeys(folder: string) {
  const data = existsSync(join(folder, 'vault')) ? folder : dirname(folder);
  const keyFile = join(data, 'vault.key');
  if (!existsSync(keyFile) || !existsSync(join(data, 'vault'))) return undefined;
  const { readVaultKeys } = await import('../adapters/store/vault.ts');
  return readVaultKeys(join(data, 'vault'), keyBytes(readFileSync(keyFile, 'utf8').trim(), keyFile));
}

export async function risk(): Promise<Command> {
  const { riskTools } = await import('../adapters/risk/tools.ts');
  return riskCommand({ ...riskTools(() => new Date()), progress: phases });
}

export async function consent(): Promise<Command> {
  return consentCommand({ access: operatorAccess });
}

/** One bar for each phase of long work, on a terminal only. */
function phases() {
  if (!process.stderr.isTTY) return { update: () => {}, end: () => {} };
  const bar = new SingleBar({
    format: '  {phase} {bar} {percentage}% | {value}/{total}',
    stream: process.stderr,
    hideCursor: true,
  });
  let phase = '';
  return {
    update(name: string, done: number, of: number) {
      if (name !== phase) {
        if (phase !== '') bar.stop();
        bar.start(of, done, { phase: name });
        phase = name;
      }
      bar.setTotal(of);
      bar.update(done, { phase: name });
    },
    end() {
      if (phase !== '') bar.stop();
    },
  };
}
