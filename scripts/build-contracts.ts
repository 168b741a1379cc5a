/**
 * Compiles contracts/src with the solc package and writes ABI and bytecode to src/adapters/chain/generated.
 * Deterministic: same sources, same bytes, so CI can see whether someone forgot to run it.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

interface Output {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts: Record<string, Record<string, Compiled>>;
}

interface Compiled {
  readonly abi: readonly unknown[];
  readonly evm: { readonly bytecode: { readonly object: string } };
  readonly storageLayout: { readonly storage: readonly { readonly label: string; readonly slot: string }[] };
}

const root = join(import.meta.dirname, '..');
const sourceFolder = join(root, 'contracts', 'src');
const outputFolder = join(root, 'src', 'adapters', 'chain', 'generated');

/** Contracts that the gateway deploys; what they inherit is compiled into them. */
const deployed = ['ConsentRegistry', 'LedgerAnchor', 'Authority', 'IssuerRegistry', 'Directory', 'PasskeyVerifier'];
/** Of these only the code is needed: other contracts alone call them. */
const calledByContracts = new Set(['PasskeyVerifier']);

const solc = createRequire(import.meta.url)('solc') as {
  compile(input: string, callbacks: { import(path: string): { contents: string } | { error: string } }): string;
};

function importSource(path: string): { contents: string } | { error: string } {
  try {
    return { contents: readFileSync(join(root, 'node_modules', path), 'utf8') };
  } catch {
    return { error: `${path} is not installed` };
  }
}

function compile(): Output {
  const files = readdirSync(sourceFolder).filter((name) => name.endsWith('.sol'));
  const sources = Object.fromEntries(
    files.sort().map((name) => [`src/${name}`, { content: readFileSync(join(sourceFolder, name), 'utf8') }]),
  );
  const input = {
    language: 'Solidity',
    sources,
    settings: {
      // The same as in contracts/foundry.toml, so that the gas the tests measure is the gas that is paid.
      optimizer: { enabled: true, runs: 10_000 },
      viaIR: true,
      evmVersion: 'cancun',
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'storageLayout'] } },
    },
  };
  return JSON.parse(solc.compile(JSON.stringify(input), { import: importSource })) as Output;
}

function write(name: string, contract: Compiled): void {
  const slot = contract.storageLayout.storage.find((entry) => entry.label === '_accumulator')?.slot;
  if (slot !== undefined && slot !== '0') throw new Error(`${name}: the accumulator moved to slot ${slot}`);
  const constant = name.charAt(0).toLowerCase() + name.slice(1);
  const file = `${name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.ts`;
  const text = [
    `// Made by scripts/build-contracts.ts from contracts/src/${name}.sol.`,
    ...(calledByContracts.has(name) ? [] : [`export const ${constant}Abi = ${JSON.stringify(contract.abi)} as const;`]),
    `export const ${constant}Bytecode = '0x${contract.evm.bytecode.object}';`,
    '',
  ].join('\n');
  writeFileSync(join(outputFolder, file), text);
}

const output = compile();
const problems = (output.errors ?? []).map((error) => error.formattedMessage);
if (problems.length > 0) process.stderr.write(`${problems.join('\n')}\n`);
if ((output.errors ?? []).some((error) => error.severity === 'error')) process.exit(1);
mkdirSync(outputFolder, { recursive: true });
for (const name of deployed) {
  const contract = output.contracts[`src/${name}.sol`]?.[name];
  if (contract) write(name, contract);
}
