import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { HDNodeWallet, Mnemonic } from 'ethers';
import { keepPreviousState, mendState } from './chain-state.ts';
import { createRpc } from './rpc.ts';

export interface AnvilOptions {
  /** Chain state survives a restart in this file. Without it the chain lives in memory only. */
  readonly stateFile?: string;
  /** 0 or absent: any free one. */
  readonly port?: number;
  /** Seconds between blocks, fractions allowed; 0 makes a block per transaction. One second unless given. */
  readonly blockTime?: number;
  readonly chainId?: number;
  /** Blocks an epoch has: `finalized` lies two epochs behind `latest`. */
  readonly slotsInAnEpoch?: number;
  readonly signal?: AbortSignal;
}

export interface Anvil {
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Publicly known keys: for development, never for anything of value. */
  readonly accounts: readonly { readonly address: string; readonly key: string }[];
  readonly pid: number;
  stop(): Promise<void>;
}

/** A sentence for people: the chain did not start, and what to do about it. */
export class ChainStartError extends Error {
  override readonly name = 'ChainStartError';
}

/** Everybody's test mnemonic. Whoever uses it outside development gives their funds away. */
const devMnemonic = 'test test test test test test test test test test test junk';

/** Starts a real EVM chain as a child process, for development and tests. */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const chainId = options.chainId ?? 31337;
  const child = launch(options, chainId);
  const port = await listeningPort(child, options.port ?? 0);
  const rpcUrl = `http://127.0.0.1:${port}`;
  const rpc = createRpc(rpcUrl);
  await rpc.call('eth_chainId', []).finally(() => rpc.close());
  return { rpcUrl, chainId, accounts: devAccounts(10), pid: child.pid ?? 0, stop: () => stop(child) };
}

function launch(options: AnvilOptions, chainId: number): ChildProcess {
  const blockTime = options.blockTime ?? 1;
  const flags = ['--port', String(options.port ?? 0), '--chain-id', String(chainId), '--mnemonic', devMnemonic];
  if (blockTime > 0) flags.push('--block-time', String(blockTime));
  if (options.slotsInAnEpoch) flags.push('--slots-in-an-epoch', String(options.slotsInAnEpoch));
  if (options.stateFile) {
    mkdirSync(dirname(options.stateFile), { recursive: true });
    if (!mendState(options.stateFile)) {
      throw new ChainStartError(
        'The state file of the development chain is damaged, and there is no whole copy. Move it away and start again.',
      );
    }
    // Written each second, so that a killed chain comes back too.
    flags.push('--state', options.stateFile, '--state-interval', '1');
  }
  const child = spawn(anvilBinary(), flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  options.signal?.addEventListener('abort', () => void stop(child), { once: true });
  const keeping = options.stateFile === undefined ? undefined : keepPreviousState(options.stateFile);
  child.once('exit', () => keeping?.());
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.removeListener('exit', end));
  return child;
}

function anvilBinary(): string {
  const name = `@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    const binary = join(folder, 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil');
    if (existsSync(binary)) return binary;
  } catch {
    // Told below.
  }
  throw new ChainStartError(
    `The development chain comes with the optional package ${name}, which is not installed. ` +
      'Run "npm ci" without --omit=optional, or point the configuration to an EVM endpoint of your own.',
  );
}

/** The chain prints the address it listens on when it is ready. */
function listeningPort(child: ChildProcess, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer) => {
      output = `${output}${chunk.toString('utf8')}`.slice(-20_000);
      const port = /Listening on [^\s]*:(\d+)/.exec(output)?.[1];
      if (port) resolve(Number(port));
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', () => reject(new ChainStartError('The development chain cannot be run on this machine.')));
    child.once('exit', (code) => {
      const taken = /address (already )?in use/i.test(output);
      const why = taken
        ? `port ${wanted} is in use. Choose another port, or stop the program that holds it.`
        : `it ended at once (code ${code}). If its state file is damaged, move it away and start again.`;
      reject(new ChainStartError(`The development chain did not start: ${why}`));
    });
  });
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
    child.once('exit', () => {
      clearTimeout(force);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

function devAccounts(count: number): readonly { readonly address: string; readonly key: string }[] {
  const mnemonic = Mnemonic.fromPhrase(devMnemonic);
  return Array.from({ length: count }, (_, index) => {
    const wallet = HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${index}`);
    return { address: wallet.address.toLowerCase(), key: wallet.privateKey };
  });
}
