import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import type { Remembered, Verified } from '../domain/ledger/verify.ts';

/** What the commands need from outside. */
export interface LedgerTools {
  verify(options: {
    readonly folder: string;
    readonly verifierKey?: string;
    readonly anchors?: (origin: string) => Promise<readonly Remembered[]>;
    readonly progress: (done: number, size: number) => void;
  }): Promise<Verified & { readonly origin?: string }>;
  /** Every root the anchor contract holds for an origin. */
  anchors(rpc: string, contract: string, origin: string): Promise<readonly Remembered[]>;
}

const progressBar = (): { readonly update: (done: number, size: number) => void; readonly stop: () => void } => {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    format: '{bar} {percentage}% | {value}/{total} entries | {rate} entries/s | {duration_formatted}',
    stream: process.stderr,
    hideCursor: true,
  });
  const began = performance.now();
  let started = false;
  return {
    update: (done, size) => {
      if (!started) bar.start(size, 0, { rate: 0 });
      started = true;
      bar.update(done, { rate: Math.round((done * 1000) / Math.max(1, performance.now() - began)) });
    },
    stop: () => bar.stop(),
  };
};

interface VerifyFlags {
  readonly data: string;
  readonly key?: string;
  readonly rpc?: string;
  readonly contract?: string;
  readonly json?: boolean;
}

const verify = async (tools: LedgerTools, flags: VerifyFlags): Promise<void> => {
  const { rpc, contract } = flags;
  if ((rpc === undefined) !== (contract === undefined)) {
    console.error('Give --rpc and --contract together: the anchors are read from that contract.');
    process.exitCode = 2;
    return;
  }
  const bar = progressBar();
  const began = performance.now();
  let done = 0;
  const result = await tools
    .verify({
      folder: flags.data,
      ...(flags.key === undefined ? {} : { verifierKey: flags.key }),
      ...(rpc === undefined || contract === undefined
        ? {}
        : { anchors: (origin) => tools.anchors(rpc, contract, origin) }),
      progress: (at, size) => {
        done = at;
        bar.update(at, size);
      },
    })
    .finally(bar.stop);
  const perSecond = Math.round((done * 1000) / Math.max(1, performance.now() - began));
  process.exitCode = result.ok ? 0 : 1;
  if (flags.json) {
    const shared = {
      ok: result.ok,
      origin: result.origin,
      entries: result.checkpoint?.size,
      entriesPerSecond: perSecond,
    };
    const more = result.ok
      ? {
          root: Buffer.from(result.checkpoint.root).toString('base64'),
          signedBy: result.signedBy,
          confirmed: result.confirmed,
        }
      : { finding: result.finding };
    console.log(JSON.stringify({ ...shared, ...more }));
  } else if (result.ok) {
    console.log(`Verified ${result.checkpoint.size} entries of ${result.origin ?? ''} (${perSecond} entries/s).`);
    console.log(
      `Every tile, payload and the root are what the checkpoint signs; ${result.confirmed} remembered roots agree.`,
    );
    if (flags.key === undefined)
      console.log("The folder's own key was trusted; give --key to check against one you hold.");
    if (rpc === undefined) console.log('No anchors were read; give --rpc and --contract to check against the chain.');
  } else {
    const { file, entry, text } = result.finding;
    console.error(`Verification failed${entry === undefined ? '' : ` at entry ${entry}`}, in ${file}: ${text}`);
  }
};

export const ledgerCommand = (tools: LedgerTools): Command => {
  const command = new Command('ledger').description('verify, prove and read the access ledger');
  command
    .command('verify')
    .description('recompute every tile, payload, root and signature, and name the first that is wrong')
    .requiredOption('--data <folder>', 'data folder of the gateway, or the ledger folder in it')
    .option('--key <verifier key>', 'the key to trust, as `name+id+key`')
    .option('--rpc <url>', 'RPC endpoint of the chain that holds the anchors')
    .option('--contract <address>', 'address of the LedgerAnchor contract')
    .option('--json', 'print one JSON object')
    .action((flags: VerifyFlags) => verify(tools, flags));
  return command;
};
