import { Command } from 'commander';
import { scan } from '../domain/json/scan.ts';
import { applySplices } from '../domain/json/splice.ts';
import { explainMask } from '../domain/masking/explain.ts';
import type { MaskingContext } from '../domain/masking/plan.ts';
import { maskResource } from '../domain/masking/walk.ts';
import { type Approval, approvalText, judgeApprovals } from '../domain/policy/approval.ts';
import { ruleCoverage, safeHarborCoverage } from '../domain/policy/coverage.ts';
import { diffPolicies } from '../domain/policy/diff.ts';
import { faultLine } from '../domain/policy/fault.ts';
import { nearestName } from '../domain/policy/nearest.ts';
import { compilePolicySet, hashOfFiles, type PolicySet } from '../domain/policy/policy-set.ts';
import { isOther } from '../domain/policy/snapshot.ts';
import type { PolicyFile } from '../domain/policy/source.ts';

/** What the commands need from outside. */
export interface PolicyTools {
  readFolder(folder: string): readonly PolicyFile[];
  writeFolder(folder: string, files: readonly PolicyFile[]): void;
  readFile(path: string): Uint8Array;
  history(folder: string): readonly Version[];
  addVersion(folder: string, version: Omit<Version, 'number'>): Version;
  sign(privateKey: string, text: string): string;
  verify(publicKey: string, text: string, signature: string): boolean;
  now(): Date;
  write(bytes: Uint8Array | string): void;
  complain(text: string): void;
  /** 1: a negative answer; 2: wrong usage or input. */
  exit(code: 1 | 2): void;
}

interface Version {
  readonly number: number;
  readonly hash: string;
  readonly at: string;
  readonly reason: string;
  readonly approvals: readonly Approval[];
  readonly files: readonly PolicyFile[];
}

/** Ends a command with a sentence; caught by `guarded`. */
class Refusal extends Error {
  readonly code: 1 | 2;
  constructor(code: 1 | 2, text: string) {
    super(text);
    this.code = code;
  }
}

interface Folder {
  readonly policies: string;
  readonly json?: boolean;
}

interface PreviewFlags extends Folder {
  readonly role: string;
  readonly purpose?: string;
  readonly client?: string;
  readonly organisation?: string;
  readonly study?: string;
  readonly overlay: readonly string[];
  readonly key?: string;
  readonly asOf?: string;
  readonly resource: string;
  readonly explain?: boolean;
}

const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

export const policyCommand = (tools: PolicyTools): Command => {
  const filesOf = (folder: string): readonly PolicyFile[] => {
    try {
      return tools.readFolder(folder).filter((file) => !isOther(file.name));
    } catch {
      throw new Refusal(2, `The policy folder ${folder} cannot be read. Give --policies a folder of YAML files.`);
    }
  };
  const loaded = (folder: string): PolicySet => {
    const load = compilePolicySet(filesOf(folder));
    if (load.ok) return load.set;
    const lines = load.faults.map((fault) => `  ${faultLine(fault)}`).join('\n');
    throw new Refusal(2, `The policies in ${folder} do not load:\n${lines}`);
  };
  const read = (path: string, what: string): Uint8Array => {
    try {
      return tools.readFile(path);
    } catch {
      throw new Refusal(2, `The ${what} ${path} cannot be read. Check the path and the permissions.`);
    }
  };
  const guarded =
    <Arguments extends readonly unknown[]>(run: (...given: Arguments) => void) =>
    (...given: Arguments): void => {
      try {
        run(...given);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        tools.complain(`${error.message}\n`);
        tools.exit(error.code);
      }
    };
  const print = (json: boolean | undefined, value: unknown, lines: readonly string[]): void => {
    tools.write(json === true ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
  };

  const command = new Command('policy').description('check, try and change the masking policies');
  const withFolder = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .option('--policies <dir>', 'folder of policies', 'policies')
      .option('--json', 'print one JSON object');

  withFolder('check', 'say whether the policies load, with line, column and the nearest valid name').action(
    guarded((flags: Folder) => {
      const load = compilePolicySet(filesOf(flags.policies));
      const faults = load.ok ? load.set.warnings : load.faults;
      const verdict = load.ok
        ? `The policies load: ${load.set.documents.length} policies, ${load.set.ruleIds.length} rules, ${load.set.tests.length} cases green. Hash ${load.set.hash}.`
        : 'The policies do not load.';
      print(flags.json, { ok: load.ok, ...(load.ok ? { hash: load.set.hash } : {}), faults }, [
        ...faults.map(faultLine),
        verdict,
      ]);
      if (!load.ok) tools.exit(1);
    }),
  );

  withFolder('test', 'run the cases beside the policies').action(
    guarded((flags: Folder) => {
      const files = filesOf(flags.policies);
      const isTest = (file: PolicyFile): boolean => /^tests:/m.test(file.text);
      const load = compilePolicySet(files);
      if (load.ok) {
        print(flags.json, { ok: true, cases: load.set.tests }, [
          ...load.set.tests.map((test) => `ok    ${test.name}`),
          `${load.set.tests.length} cases, all green.`,
        ]);
        return;
      }
      print(flags.json, { ok: false, faults: load.faults }, [
        ...load.faults.map(faultLine),
        `${load.faults.length} faults in ${files.filter(isTest).length} test files and the policies they are for.`,
      ]);
      tools.exit(1);
    }),
  );

  withFolder('preview', 'write a resource to standard output as a role would see it')
    .requiredOption('--role <role>', 'role of the caller')
    .option('--purpose <code>', 'purpose of use; default: the usual one of the role')
    .option('--client <id>', 'client of the caller')
    .option('--organisation <reference>', 'organisation of the caller')
    .option('--study <reference>', 'research study: pseudonyms are its own')
    .option('--overlay <policy>', 'overlay to lay on the plan; repeatable', collect, [])
    .option('--key <file>', 'key for pseudonyms and date shifts: 32 bytes in hex or base64, or any bytes')
    .option('--as-of <date>', 'day from which ages are reckoned; default: today')
    .requiredOption('--resource <file>', 'resource in FHIR JSON, or - for standard input')
    .option('--explain', 'print each masked element with its rule and line as JSON instead')
    .action(
      guarded((flags: PreviewFlags) => {
        const set = loaded(flags.policies);
        const purpose = flags.purpose ?? set.usualPurpose(flags.role);
        if (purpose === undefined) {
          const nearest = nearestName(flags.role, set.roles);
          const hint = nearest === undefined ? `Roles: ${set.roles.join(', ')}.` : `Did you mean ${nearest}?`;
          throw new Refusal(2, `No policy names the role ${flags.role}. ${hint}`);
        }
        const who = {
          roles: flags.role.split('+'),
          purpose,
          ...(flags.client === undefined ? {} : { client: flags.client }),
          ...(flags.organisation === undefined ? {} : { organisation: flags.organisation }),
          ...(flags.study === undefined ? {} : { study: flags.study }),
        };
        const chosen = set.planFor(who);
        if (chosen === undefined) {
          throw new Refusal(1, `No masking policy covers the role ${flags.role} for the purpose ${purpose}.`);
        }
        const plan = flags.overlay.length === 0 ? chosen : set.narrowed(chosen, flags.overlay, who);
        if (plan === undefined) throw new Refusal(2, 'An overlay is not among the policies.');
        const bytes = read(flags.resource, 'resource');
        const scanned = scan(bytes);
        if (!scanned.ok) {
          const { code, offset } = scanned.fault;
          throw new Refusal(2, `${flags.resource} is not JSON that can be judged (${code} at byte ${offset}).`);
        }
        const context = contextOf(
          flags,
          flags.key === undefined ? undefined : read(flags.key, 'key file'),
          tools.now(),
        );
        if (flags.explain === true) {
          const { result, elements } = explainMask(scanned.tape, 0, plan, context);
          const withheld = result.kind === 'unmaskable' ? { withheld: result.reason } : {};
          tools.write(`${JSON.stringify({ plan: plan.id, purpose, ...withheld, elements }, null, 2)}\n`);
          if (result.kind === 'unmaskable') tools.exit(1);
          return;
        }
        const masked = maskResource(scanned.tape, 0, plan, context);
        if (masked.kind === 'unmaskable') throw new Refusal(1, `The resource is withheld: ${masked.reason}.`);
        tools.write(applySplices(bytes, masked.splices));
      }),
    );

  withFolder('diff', 'say in sentences what a new folder of policies would change')
    .requiredOption('--candidate <dir>', 'folder with the new policies')
    .action(
      guarded((flags: Folder & { candidate: string }) => {
        const [before, after] = [loaded(flags.policies), loaded(flags.candidate)];
        const changes = diffPolicies(before, after);
        const needed = approversNeeded(changes);
        print(flags.json, { from: before.hash, to: after.hash, changes, approvers: needed }, [
          ...changes.map((change) => `${change.kind === 'widens' ? '+' : '-'} ${change.text}`),
          changes.length === 0
            ? 'Nobody sees anything else than before.'
            : `Needs ${needed} approver${needed > 1 ? 's' : ''}.`,
        ]);
      }),
    );

  withFolder('coverage', 'show what each rule decides, and which Safe Harbor rows a role closes')
    .option('--role <role>', 'role for the rows of Safe Harbor', 'safe-harbor')
    .option('--purpose <code>', 'purpose of use; default: the usual one of the role')
    .action(
      guarded((flags: Folder & { role: string; purpose?: string }) => {
        const set = loaded(flags.policies);
        const purpose = flags.purpose ?? set.usualPurpose(flags.role) ?? '';
        const plan = set.planFor({ roles: [flags.role], purpose });
        const rows = plan === undefined ? [] : safeHarborCoverage(set, plan);
        const rules = ruleCoverage(set);
        print(flags.json, { role: flags.role, purpose, rows, rules }, [
          ...rows.map(
            (row) =>
              `${row.row} ${row.covered ? 'closed' : 'open  '} ${row.title}: ${row.covered ? row.rules.join(', ') || 'by datatype' : row.open.join(', ')}`,
          ),
          '',
          ...rules.map(
            (rule) =>
              `${rule.rule}: ${rule.elements} elements, ${rule.tested ? 'tested' : 'not tested'} (${rule.file}:${rule.line})`,
          ),
        ]);
      }),
    );

  withFolder('approve', 'sign a change of the policies')
    .requiredOption('--candidate <dir>', 'folder with the new policies')
    .requiredOption('--as <name>', 'name of the approver, as in the approvers file')
    .requiredOption('--key <file>', 'Ed25519 private key of the approver (PEM)')
    .requiredOption('--reason <text>', 'why the change is made')
    .action(
      guarded((flags: Folder & { candidate: string; as: string; key: string; reason: string }) => {
        const body = {
          from: hashOfFiles(filesOf(flags.policies)),
          to: loaded(flags.candidate).hash,
          approver: flags.as,
          reason: flags.reason,
        };
        const key = new TextDecoder().decode(read(flags.key, 'key'));
        tools.write(`${JSON.stringify({ ...body, signature: tools.sign(key, approvalText(body)) })}\n`);
      }),
    );

  withFolder('apply', 'put a new folder of policies in force: two approvers where it widens, one where it narrows')
    .requiredOption('--candidate <dir>', 'folder with the new policies')
    .requiredOption('--approvers <file>', 'JSON: name of each approver to the public key (PEM)')
    .option('--approval <file>', 'signed approval; repeatable', collect, [])
    .action(
      guarded((flags: Folder & { candidate: string; approvers: string; approval: readonly string[] }) => {
        const [before, after] = [loaded(flags.policies), loaded(flags.candidate)];
        const changes = diffPolicies(before, after);
        const keys = json<Record<string, string>>(read(flags.approvers, 'approvers file'), flags.approvers);
        const approvals = flags.approval.map((path) => json<Approval>(read(path, 'approval'), path));
        const verdict = judgeApprovals(
          { from: before.hash, to: after.hash, changes },
          approvals,
          (name, text, signature) => {
            const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
            return key !== undefined && tools.verify(key, text, signature);
          },
        );
        if (!verdict.ok) {
          const lines = [
            ...verdict.rejected,
            ...changes.filter((each) => each.kind === 'widens').map((each) => each.text),
          ];
          throw new Refusal(
            1,
            [`The change needs ${verdict.needed} approvers and has ${verdict.approvers.length}.`, ...lines].join(
              '\n  ',
            ),
          );
        }
        if (tools.history(flags.policies).length === 0) remember(flags.policies, before, 'first known version', []);
        tools.writeFolder(flags.policies, [
          ...filesOf(flags.candidate),
          ...tools.readFolder(flags.policies).filter((file) => isOther(file.name)),
        ]);
        const version = remember(flags.policies, after, approvals[0]?.reason ?? '', approvals);
        print(flags.json, { ok: true, version: version.number, hash: after.hash, approvers: verdict.approvers }, [
          `Version ${version.number} is in force, approved by ${verdict.approvers.join(' and ')}. Hash ${after.hash}.`,
        ]);
      }),
    );

  const remember = (folder: string, set: PolicySet, reason: string, approvals: readonly Approval[]): Version =>
    tools.addVersion(folder, {
      hash: set.hash,
      at: tools.now().toISOString(),
      reason,
      approvals,
      files: filesOf(folder),
    });

  withFolder('rollback', 'put an earlier version back in force')
    .option('--to <number>', 'version; default: the one before the last')
    .action(
      guarded((flags: Folder & { to?: string }) => {
        const versions = tools.history(flags.policies);
        const wanted =
          flags.to === undefined ? versions.at(-2) : versions.find((each) => String(each.number) === flags.to);
        if (wanted === undefined) throw new Refusal(2, 'There is no such earlier version. See `policy history`.');
        const load = compilePolicySet(wanted.files);
        if (!load.ok)
          throw new Refusal(1, `Version ${wanted.number} does not load with this release; nothing was changed.`);
        tools.writeFolder(flags.policies, [
          ...wanted.files,
          ...tools.readFolder(flags.policies).filter((file) => isOther(file.name)),
        ]);
        const version = remember(flags.policies, load.set, `rollback to version ${wanted.number}`, wanted.approvals);
        print(flags.json, { ok: true, version: version.number, hash: load.set.hash }, [
          `Version ${wanted.number} is in force again, as version ${version.number}. Hash ${load.set.hash}.`,
        ]);
      }),
    );

  withFolder('history', 'list the versions that were in force').action(
    guarded((flags: Folder) => {
      const versions = tools.history(flags.policies).map(({ files: _files, ...version }) => version);
      print(
        flags.json,
        { versions },
        versions.length === 0
          ? ['No version has been applied with this command yet.']
          : versions.map(
              (each) =>
                `${each.number}  ${each.at}  ${each.hash.slice(0, 12)}  ${each.approvals.map(({ approver }) => approver).join(' and ') || '-'}  ${each.reason}`,
            ),
      );
    }),
  );
  return command;
};

const approversNeeded = (changes: readonly { readonly kind: string }[]): number =>
  changes.some((change) => change.kind === 'widens') ? 2 : 1;

const json = <Value>(bytes: Uint8Array, path: string): Value => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Value;
  } catch {
    throw new Refusal(2, `${path} is not JSON.`);
  }
};

/** A preview without a key uses one that everybody knows: its pseudonyms are for looking at. */
const previewKey = new TextEncoder().encode('consentry preview: a key that protects nothing');

const keyBytes = (given: Uint8Array | undefined): Uint8Array => {
  if (given === undefined) return previewKey;
  const text = new TextDecoder().decode(given).trim();
  if (/^(?:0x)?[0-9a-fA-F]{64}$/.test(text)) {
    return Uint8Array.from(text.replace(/^0x/, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }
  if (/^[A-Za-z0-9+/_-]{42,44}={0,2}$/.test(text)) {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
      character.charCodeAt(0),
    );
  }
  return given;
};

const contextOf = (flags: PreviewFlags, key: Uint8Array | undefined, now: Date): MaskingContext => {
  const asOf = flags.asOf ?? now.toISOString().slice(0, 10);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(asOf)) throw new Refusal(2, '--as-of must be a date such as 2026-11-22.');
  const bytes = keyBytes(key);
  return { asOf, key: () => bytes };
};
