import { writeFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { type GroupName, groupNames } from '../domain/ledger/commitment.ts';
import type { CopyVerdict } from '../domain/ledger/copy.ts';
import type { ProofVerdict } from '../domain/ledger/receipt.ts';
import type { Remembered, Verified } from '../domain/ledger/verify.ts';
import { erasureCommands, type OperatorAccess } from './erasure.ts';
import { leadsCommand } from './leads.ts';

type Progress = (done: number, size: number) => void;

/** What the commands need from outside. */
export interface LedgerTools {
  verify(options: {
    readonly folder: string;
    readonly verifierKey?: string;
    readonly anchors?: (origin: string) => Promise<readonly Remembered[]>;
    /** Also opens what keys at hand open, and recomputes its commitments. */
    readonly openings: boolean;
    readonly progress: Progress;
  }): Promise<LedgerVerdict>;
  /** Every root the anchor contract holds for an origin. */
  anchors(rpc: string, contract: string, origin: string): Promise<readonly Remembered[]>;
  verifyServed(options: {
    readonly url: string;
    readonly verifierKey: string;
    readonly anchors?: (origin: string) => Promise<readonly Remembered[]>;
    readonly progress?: (done: number, size: number) => void;
  }): Promise<LedgerVerdict>;
  verifyProof(
    file: string,
    trust: { readonly verifierKey?: string; readonly policyFile?: string },
  ): Promise<ProofVerdict | CopyVerdict>;
  prove(folder: string, index: number, show: readonly GroupName[], patient?: string): Promise<string | undefined>;
  open(folder: string, index: number): Promise<{ readonly entry: object | undefined } | undefined>;
  exportLines(
    folder: string,
    options: { readonly format: 'csv' | 'ndjson'; readonly from: number; readonly until: number },
  ): AsyncIterable<string>;
  fsck(options: { readonly folder: string; readonly repair: boolean; readonly progress: Progress }): Promise<{
    readonly ok: boolean;
    readonly published: number;
    readonly waiting: number;
    readonly remains: readonly string[];
    readonly faults: readonly string[];
    readonly repaired: readonly string[];
  }>;
  status(folder: string): Promise<object>;
}

const progressBar = (): { readonly update: Progress; readonly stop: () => void } => {
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

/** 0 done, 1 a negative answer, 2 wrong usage or input: the sentence goes to standard error. */
const fail = (code: 1 | 2, sentence: string, json?: boolean): void => {
  process.exitCode = code;
  if (json) console.log(JSON.stringify({ ok: false, error: sentence }));
  else console.error(sentence);
};

const sentenceOf = (error: unknown, folder: string): string => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return `There is no ledger or file at ${folder}. Check the path.`;
  if (code === 'EACCES' || code === 'EPERM') return `The files at ${folder} may not be read by this user.`;
  return error instanceof Error ? error.message : 'The ledger cannot be read.';
};

const guarded = async (folder: string, json: boolean | undefined, work: () => Promise<void>): Promise<void> => {
  try {
    await work();
  } catch (error) {
    fail(2, sentenceOf(error, folder), json);
  }
};

const entryNumber = (text: string): number => {
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new InvalidArgumentError('Entries are numbered 0, 1, 2 and so on.');
  }
  return Number(text);
};

type LedgerVerdict = Verified & {
  readonly origin?: string;
  readonly logs?: readonly { readonly origin: string; readonly size: number; readonly retired?: true }[];
  readonly strays?: readonly string[];
};

const MOST_STRAYS = 20;

interface VerifyFlags {
  readonly data?: string;
  readonly url?: string;
  readonly proof?: string;
  readonly key?: string;
  readonly policy?: string;
  readonly rpc?: string;
  readonly contract?: string;
  readonly openings?: boolean;
  readonly json?: boolean;
}

const verifyLog = async (tools: LedgerTools, flags: VerifyFlags): Promise<void> => {
  const { rpc, contract, url, key } = flags;
  const bar = progressBar();
  const began = performance.now();
  let done = 0;
  const shared = {
    ...(rpc === undefined || contract === undefined
      ? {}
      : { anchors: (origin: string) => tools.anchors(rpc, contract, origin) }),
    progress: (at: number, size: number): void => {
      done = at;
      bar.update(at, size);
    },
  };
  const result = await (url !== undefined && key !== undefined
    ? tools.verifyServed({ ...shared, url, verifierKey: key })
    : tools.verify({
        ...shared,
        folder: flags.data ?? '',
        openings: flags.openings ?? false,
        ...(key === undefined ? {} : { verifierKey: key }),
      })
  ).finally(bar.stop);
  const perSecond = Math.round((done * 1000) / Math.max(1, performance.now() - began));
  process.exitCode = result.ok ? 0 : 1;
  const origin = result.origin ?? '';
  const entries = result.logs?.reduce((sum, { size }) => sum + size, 0) ?? result.checkpoint?.size;
  if (flags.json) {
    const told = { ok: result.ok, origin, entries, entriesPerSecond: perSecond, logs: result.logs };
    const more = result.ok
      ? {
          root: Buffer.from(result.checkpoint.root).toString('base64'),
          signedBy: result.signedBy,
          confirmed: result.confirmed,
          strays: result.strays,
        }
      : { finding: result.finding };
    console.log(JSON.stringify({ ...told, ...more }));
  } else if (result.ok) {
    console.log(`Verified ${entries} entries of ${origin} (${perSecond} entries/s).`);
    for (const { origin, size, retired } of result.logs ?? [])
      console.log(`${origin}: ${size} entries${retired ? '; retired, so the tree alone was verified' : ''}.`);
    console.log(`Tiles, payloads and root are what the checkpoint signs; ${result.confirmed} remembered roots agree.`);
    const { strays = [] } = result;
    for (const name of strays.slice(0, MOST_STRAYS)) console.log(`Not part of the log: ${name}`);
    if (strays.length > MOST_STRAYS) console.log(`and ${strays.length - MOST_STRAYS} more files.`);
    if (flags.key === undefined)
      console.log("The folder's own key was trusted; give --key to check against one you hold.");
    if (rpc === undefined) console.log('No anchors were read; give --rpc and --contract to check against the chain.');
  } else {
    const { file, entry, text } = result.finding;
    console.error(`Verification failed${entry === undefined ? '' : ` at entry ${entry}`}, in ${file}: ${text}`);
  }
};

const verifyProof = async (tools: LedgerTools, file: string, flags: VerifyFlags): Promise<void> => {
  const verdict = await tools.verifyProof(file, {
    ...(flags.key === undefined ? {} : { verifierKey: flags.key }),
    ...(flags.policy === undefined ? {} : { policyFile: flags.policy }),
  });
  if (!verdict.ok) return fail(1, verdict.text, flags.json);
  if ('proofs' in verdict) return tellCopy(verdict, flags);
  const told = toldOf(verdict);
  if (flags.json) return console.log(JSON.stringify({ ok: true, ...told }));
  tellProof(told);
  for (const { group, value } of told.shown) console.log(`${group}: ${JSON.stringify(value)}`);
};

const toldOf = ({ index, size, signedBy, leaf, openings }: Extract<ProofVerdict, { ok: true }>) => {
  const { kind, decision, height, second } = leaf;
  const shown = openings.map(({ name, text }) => ({ group: name, value: JSON.parse(text) as unknown }));
  return { index, size, signedBy, kind, decision, time: new Date(second * 1000).toISOString(), height, shown };
};

const tellProof = ({ index, size, signedBy, kind, decision, time }: ReturnType<typeof toldOf>): void => {
  console.log(`Entry ${index} is in the log of ${size} entries signed by ${signedBy.join(', ')}.`);
  console.log(`${kind}, ${decision}, at ${time}.`);
};

/** A copy of a record with the proofs in it. */
const tellCopy = ({ proofs, covered, uncovered }: Extract<CopyVerdict, { ok: true }>, flags: VerifyFlags): void => {
  const told = proofs.map(toldOf);
  if (flags.json) {
    console.log(JSON.stringify({ ok: true, proofs: told, covered, uncovered }));
    return;
  }
  for (const proof of told) tellProof(proof);
  console.log(`${covered.length} of ${covered.length + uncovered.length} items of the copy were handed out by these.`);
  for (const item of uncovered) console.log(`Not named: ${item}`);
};

const verifyCommand = (tools: LedgerTools): Command =>
  new Command('verify')
    .description('recompute every tile, payload, root and signature, and name the first that is wrong')
    .option('--data <folder>', 'data folder of the gateway, or the ledger folder in it')
    .option(
      '--url <url>',
      'instead of a folder: where a gateway serves the log, such as https://host/ledger; needs --key',
    )
    .option('--proof <file>', 'check a proof file, or a copy of a record with proofs in it, instead; nobody is asked')
    .option('--key <verifier key>', 'the key to trust, as name+id+key')
    .option('--policy <file>', 'with --proof: trust file with logs, witnesses and quorum (tlog-policy)')
    .option('--rpc <url>', 'RPC endpoint of the chain that holds the anchors')
    .option('--contract <address>', 'address of the LedgerAnchor contract')
    .option('--openings', 'also open every payload whose key is here, and recompute its commitment')
    .option('--json', 'print one JSON object')
    .action((flags: VerifyFlags) => {
      const { data, proof, url } = flags;
      if ([data, proof, url].filter((one) => one !== undefined).length !== 1)
        return fail(2, 'Give one of --data, --url and --proof.', flags.json);
      if (url !== undefined && flags.key === undefined)
        return fail(2, 'Give the key you trust with --key: what a server says of itself proves nothing.', flags.json);
      if ((flags.rpc === undefined) !== (flags.contract === undefined)) {
        return fail(2, 'Give --rpc and --contract together: the anchors are read from that contract.', flags.json);
      }
      return guarded(data ?? proof ?? url ?? '', flags.json, () =>
        proof === undefined ? verifyLog(tools, flags) : verifyProof(tools, proof, flags),
      );
    });

const withData = (command: Command): Command =>
  command.requiredOption('--data <folder>', 'data folder of the gateway, or the ledger folder in it');

const showing = (text: string): readonly GroupName[] => {
  if (text === 'none') return [];
  const all: readonly GroupName[] = [...groupNames, 'subject'];
  if (text === 'all') return all;
  const names = text.split(',');
  const known = all.filter((name) => names.includes(name));
  if (known.length !== names.length) throw new InvalidArgumentError(`Groups are ${all.join(', ')}; or all, or none.`);
  return known;
};

const proveCommand = (tools: LedgerTools): Command =>
  withData(new Command('prove'))
    .description('write a file that proves one entry to anybody, without asking this gateway')
    .argument('<entry>', 'number of the entry', entryNumber)
    .option(
      '--show <groups>',
      'what the file opens: actor,resource,purpose,outcome,score,subject; all; or none',
      showing,
      [],
    )
    .option('--patient <id>', 'with subject: show this patient only, and none of the others')
    .option('--out <file>', 'where to write it; standard output by default')
    .option('--json', 'print one JSON object')
    .action(
      (
        entry: number,
        flags: { data: string; show: readonly GroupName[]; patient?: string; out?: string; json?: boolean },
      ) =>
        guarded(flags.data, flags.json, async () => {
          const proof = await tools.prove(flags.data, entry, flags.show, flags.patient);
          if (proof === undefined) {
            return fail(1, `Entry ${entry} is not published yet, or what it should show was erased.`, flags.json);
          }
          if (flags.out !== undefined) writeFileSync(flags.out, proof, { mode: 0o600 });
          if (flags.json)
            console.log(
              JSON.stringify({ ok: true, entry, file: flags.out, proof: flags.out === undefined ? proof : undefined }),
            );
          else if (flags.out === undefined) process.stdout.write(proof);
          else console.log(`Wrote the proof of entry ${entry} to ${flags.out}.`);
        }),
    );

const openCommand = (tools: LedgerTools): Command =>
  withData(new Command('open'))
    .description('decrypt one entry and print it, with its AuditEvent')
    .argument('<entry>', 'number of the entry', entryNumber)
    .option('--json', 'print one JSON object')
    .action((entry: number, flags: { data: string; json?: boolean }) =>
      guarded(flags.data, flags.json, async () => {
        const opened = await tools.open(flags.data, entry);
        if (opened === undefined) return fail(1, `There is no published entry ${entry}.`, flags.json);
        console.log(JSON.stringify(opened, null, flags.json ? undefined : 2));
        if (opened.entry === undefined) {
          process.exitCode = 1;
          if (!flags.json)
            console.error('Its keys were destroyed, or are not on this machine; only the leaf can be shown.');
        }
      }),
    );

const exportCommand = (tools: LedgerTools): Command =>
  withData(new Command('export'))
    .description('write entries as CSV, or as NDJSON with AuditEvents and proofs')
    .option('--format <csv|ndjson>', 'format', 'ndjson')
    .option('--from <entry>', 'first entry', entryNumber, 0)
    .option('--until <entry>', 'entry to stop before', entryNumber)
    .option('--json', 'errors as one JSON object')
    .action((flags: { data: string; format: string; from: number; until?: number; json?: boolean }) =>
      guarded(flags.data, flags.json, async () => {
        const { format, from, until = Number.POSITIVE_INFINITY } = flags;
        if (format !== 'csv' && format !== 'ndjson') return fail(2, 'The format is csv or ndjson.', flags.json);
        for await (const line of tools.exportLines(flags.data, { format, from, until })) {
          if (!process.stdout.write(`${line}\n`)) await new Promise((resolve) => process.stdout.once('drain', resolve));
        }
      }),
    );

const fsckCommand = (tools: LedgerTools): Command =>
  withData(new Command('fsck'))
    .description('look for what a crash or a bad disk left; mend what can be mended')
    .option('--repair', 'write tiles again from whole segments and remove leftovers; stop the gateway first')
    .option('--json', 'print one JSON object')
    .action((flags: { data: string; repair?: boolean; json?: boolean }) =>
      guarded(flags.data, flags.json, async () => {
        const bar = progressBar();
        const report = await tools
          .fsck({ folder: flags.data, repair: flags.repair ?? false, progress: bar.update })
          .finally(bar.stop);
        process.exitCode = report.ok ? 0 : 1;
        if (flags.json) return console.log(JSON.stringify(report));
        console.log(`${report.published} entries are published, ${report.waiting} wait for the next start.`);
        for (const line of report.repaired) console.log(`mended: ${line}`);
        for (const line of report.remains) console.log(`harmless: ${line}`);
        for (const line of report.faults) console.error(`fault: ${line}`);
      }),
    );

const statusCommand = (tools: LedgerTools): Command =>
  withData(new Command('status'))
    .description('size, root, key and writer of a ledger')
    .option('--json', 'print one JSON object')
    .action((flags: { data: string; json?: boolean }) =>
      guarded(flags.data, flags.json, async () => {
        const status = await tools.status(flags.data);
        if (flags.json) return console.log(JSON.stringify(status));
        for (const [name, value] of Object.entries(status)) console.log(`${name}: ${value}`);
      }),
    );

export const ledgerCommand = (tools: LedgerTools, access: OperatorAccess): Command => {
  const command = new Command('ledger').description('verify, prove and read the access ledger');
  for (const make of [verifyCommand, proveCommand, openCommand, exportCommand, fsckCommand, statusCommand]) {
    command.addCommand(make(tools));
  }
  command.addCommand(leadsCommand());
  for (const erasure of erasureCommands(access)) command.addCommand(erasure);
  return command;
};
