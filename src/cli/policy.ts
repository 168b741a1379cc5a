import { Command } from 'commander';
import { reidentificationPage } from '../domain/masking/reidentification-page.ts';
import { type Approval, approvalText, judgeApprovals } from '../domain/policy/approval.ts';
import { changesBetween, maskingFiles } from '../domain/policy/draft.ts';
import { faultLine } from '../domain/policy/fault.ts';
import { type PolicyShelf, putInForce, rollBack, wayBack } from '../domain/policy/in-force.ts';
import { hashOfFiles } from '../domain/policy/policy-set.ts';
import type { ReplayGroup, ReplayReport } from '../domain/policy/replay.ts';
import type { PolicyFile } from '../domain/policy/source.ts';
import { doPolicyTask, type NotLoaded, type PolicyTask, type TaskResult } from '../domain/policy/task.ts';

/** What the commands need from outside. */
export interface PolicyTools {
  shelf(folder: string): PolicyShelf;
  readFile(path: string): Uint8Array;
  /** The gateway that runs on the data folder, and the operator's token. */
  access(data: string): { readonly url: string; readonly token: string };
  sign(privateKey: string, text: string): string;
  verify(publicKey: string, text: string, signature: string): boolean;
  now(): Date;
  write(bytes: Uint8Array | string): void;
  complain(text: string): void;
  /** 1: a negative answer; 2: wrong usage or input. */
  exit(code: 1 | 2): void;
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
  readonly saveTest?: string;
}

const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

export const policyCommand = (tools: PolicyTools): Command => {
  const filesOf = (folder: string): readonly PolicyFile[] => {
    try {
      return maskingFiles(tools.shelf(folder).read());
    } catch {
      throw new Refusal(2, `The policy folder ${folder} cannot be read. Give --policies a folder of YAML files.`);
    }
  };
  /** The answer, when the policies load. */
  const answered = <Task extends PolicyTask>(folder: string, task: Task): Exclude<TaskResult<Task>, NotLoaded> => {
    const result = doPolicyTask(task);
    if (result.ok) return result as Exclude<TaskResult<Task>, NotLoaded>;
    const lines = result.faults.map((fault) => `  ${faultLine(fault)}`).join('\n');
    throw new Refusal(2, `The policies in ${folder} do not load:\n${lines}`);
  };
  const compared = (flags: { readonly policies: string; readonly candidate: string }) => {
    const [before, files] = [filesOf(flags.policies), filesOf(flags.candidate)];
    answered(flags.policies, { kind: 'check', files: before });
    return answered(flags.candidate, { kind: 'diff', before, files });
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

  /** The running gateway's answer under /api/v1/policies. */
  const asked = async <Value>(data: string, path: string, body?: object): Promise<Value> => {
    const { url, token } = tools.access(data);
    const response = await fetch(`${url}/api/v1/policies${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new Refusal(
        2,
        `No gateway answers at ${url}. Start it, or name the data folder of the running one with --data.`,
      );
    });
    if (!response.ok) throw new Refusal(1, `The gateway refused with ${response.status}.`);
    return (await response.json()) as Value;
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
      const result = doPolicyTask({ kind: 'check', files: filesOf(flags.policies) });
      const verdict = result.ok
        ? `The policies load: ${result.policies} policies, ${result.rules} rules, ${result.cases} cases green. Hash ${result.hash}.`
        : 'The policies do not load.';
      print(flags.json, result, [...result.faults.map(faultLine), verdict]);
      if (!result.ok) tools.exit(1);
    }),
  );

  withFolder('test', 'run the cases beside the policies').action(
    guarded((flags: Folder) => {
      const files = filesOf(flags.policies);
      const result = doPolicyTask({ kind: 'test', files });
      if (result.ok) {
        print(flags.json, result, [
          ...result.cases.map((test) => `ok    ${test.name}`),
          `${result.cases.length} cases, all green.`,
        ]);
        return;
      }
      const tests = files.filter((file) => /^tests:/m.test(file.text)).length;
      print(flags.json, result, [
        ...result.faults.map(faultLine),
        `${result.faults.length} faults in ${tests} test files and the policies they are for.`,
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
    .option('--save-test <name>', 'keep the outcome as a case beside the policies instead')
    .action(
      guarded((flags: PreviewFlags) => {
        const files = filesOf(flags.policies);
        const resource = read(flags.resource, 'resource');
        const key = flags.key === undefined ? undefined : keyBytes(read(flags.key, 'key file'));
        const request = {
          role: flags.role,
          overlays: flags.overlay,
          asOf: flags.asOf ?? tools.now().toISOString().slice(0, 10),
          ...(flags.purpose === undefined ? {} : { purpose: flags.purpose }),
          ...(flags.client === undefined ? {} : { client: flags.client }),
          ...(flags.organisation === undefined ? {} : { organisation: flags.organisation }),
          ...(flags.study === undefined ? {} : { study: flags.study }),
          ...(key === undefined ? {} : { key }),
        };
        const { previews } = answered(flags.policies, { kind: 'preview', files, resource, requests: [request] });
        const [preview] = previews;
        if (preview?.ok !== true) throw new Refusal(preview?.why === 'closed' ? 1 : 2, preview?.text ?? '');
        if (flags.saveTest !== undefined) {
          const { saved } = answered(flags.policies, {
            kind: 'save-test',
            files,
            resource,
            wanted: { ...request, name: flags.saveTest, purpose: preview.purpose },
          });
          if (!saved.ok) throw new Refusal(2, saved.text);
          const { name, text } = saved.change;
          const shelf = tools.shelf(flags.policies);
          shelf.write([...shelf.read().filter((file) => file.name !== name), { name, text: text ?? '' }]);
          tools.write(`The case stands in ${name}.\n`);
          return;
        }
        if (flags.explain === true) {
          const { plan, purpose, withheld, elements } = preview;
          const told = { plan, purpose, ...(withheld === undefined ? {} : { withheld }), elements };
          tools.write(`${JSON.stringify(told, null, 2)}\n`);
          if (withheld !== undefined) tools.exit(1);
          return;
        }
        if (preview.masked === undefined) throw new Refusal(1, `The resource is withheld: ${preview.withheld}.`);
        tools.write(preview.masked);
      }),
    );

  withFolder('diff', 'say in sentences what a new folder of policies would change')
    .requiredOption('--candidate <dir>', 'folder with the new policies')
    .action(
      guarded((flags: Folder & { candidate: string }) => {
        const { from, to, changes, approvers } = compared(flags);
        print(flags.json, { from, to, changes, approvers }, [
          ...changes.map((change) => `${change.kind === 'widens' ? '+' : '-'} ${change.text}`),
          changes.length === 0
            ? 'Nobody sees anything else than before.'
            : `Needs ${approvers} approver${approvers > 1 ? 's' : ''}.`,
        ]);
      }),
    );

  withFolder('coverage', 'show what each rule decides, and which Safe Harbor rows a role closes')
    .option('--role <role>', 'role for the rows of Safe Harbor', 'safe-harbor')
    .option('--purpose <code>', 'purpose of use; default: the usual one of the role')
    .action(
      guarded((flags: Folder & { role: string; purpose?: string }) => {
        const { role, purpose, rows, rules } = answered(flags.policies, {
          kind: 'coverage',
          files: filesOf(flags.policies),
          role: flags.role,
          ...(flags.purpose === undefined ? {} : { purpose: flags.purpose }),
        });
        print(flags.json, { role, purpose, rows, rules }, [
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

  withFolder('reidentification', 'tell how well patients could be told apart, before masking and as a role gets them')
    .requiredOption('--resources <file>', 'Patient resources: a Bundle, or one in a line')
    .option('--role <role>', 'role of the caller', 'safe-harbor')
    .option('--page', 'print a page with plots instead')
    .action(
      guarded((flags: Folder & { resources: string; role: string; page?: boolean }) => {
        const patients = patientsIn(new TextDecoder().decode(read(flags.resources, 'resources')), flags.resources);
        const { report, refused } = answered(flags.policies, {
          kind: 'reidentification',
          files: filesOf(flags.policies),
          request: { role: flags.role, asOf: tools.now().toISOString().slice(0, 10) },
          patients,
        });
        if (report === undefined) throw new Refusal(1, refused ?? '');
        if (flags.page === true) tools.write(reidentificationPage(report, flags.role));
        else {
          const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
          print(flags.json, { role: flags.role, ...report }, [
            `By ${report.before.by.join(', ')}, before and as ${flags.role}:`,
            `people            ${report.before.people} and ${report.after.people}`,
            `alone             ${percent(report.before.unique)} and ${percent(report.after.unique)}`,
            `in groups < 11    ${percent(report.before.belowEleven)} and ${percent(report.after.belowEleven)}`,
            `smallest group    ${report.before.smallest} and ${report.after.smallest}`,
            `mean match chance ${percent(report.before.average)} and ${percent(report.after.average)}`,
          ]);
        }
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
          to: answered(flags.candidate, { kind: 'check', files: filesOf(flags.candidate) }).hash,
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
        const { from, to, changes } = compared(flags);
        const keys = json<Record<string, string>>(read(flags.approvers, 'approvers file'), flags.approvers);
        const approvals = flags.approval.map((path) => json<Approval>(read(path, 'approval'), path));
        const verdict = judgeApprovals({ from, to, changes }, approvals, (name, text, signature) => {
          const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
          return key !== undefined && tools.verify(key, text, signature);
        });
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
        const version = putInForce(tools.shelf(flags.policies), filesOf(flags.candidate), {
          at: tools.now().toISOString(),
          reason: approvals[0]?.reason ?? '',
          approvals,
        });
        print(flags.json, { ok: true, version: version.number, hash: to, approvers: verdict.approvers }, [
          `Version ${version.number} is in force, approved by ${verdict.approvers.join(' and ')}. Hash ${to}.`,
        ]);
      }),
    );

  withFolder('rollback', 'put an earlier version back in force')
    .option('--to <number>', 'version; default: the one before the last')
    .action(
      guarded((flags: Folder & { to?: string }) => {
        const shelf = tools.shelf(flags.policies);
        const way = wayBack(shelf, flags.to === undefined ? undefined : Number(flags.to));
        if (!way.ok)
          throw new Refusal(
            way.why === 'none' ? 2 : 1,
            `${way.text}${way.why === 'none' ? ' See `policy history`.' : ''}`,
          );
        const version = rollBack(shelf, way.version, { at: tools.now().toISOString() });
        print(flags.json, { ok: true, version: version.number, hash: version.hash }, [
          `Version ${way.version.number} is in force again, as version ${version.number}. Hash ${version.hash}.`,
        ]);
      }),
    );

  withFolder('replay', 'hold the decisions of the last days against a new folder of policies')
    .requiredOption('--candidate <dir>', 'folder with the new policies')
    .option('--data <dir>', 'data folder of the running gateway', '.consentry')
    .option('--days <number>', 'how many days back', '7')
    .action(async (flags: Folder & { candidate: string; data: string; days: string }) => {
      try {
        const days = Number(flags.days);
        if (!Number.isInteger(days) || days < 1 || days > 366)
          throw new Refusal(2, '--days must be between 1 and 366.');
        const { files } = await asked<{ files: readonly PolicyFile[] }>(flags.data, '/files');
        const changes = changesBetween(files, filesOf(flags.candidate));
        const report = await asked<(ReplayReport & { readonly ok: true; readonly complete: boolean }) | NotLoaded>(
          flags.data,
          '/replay',
          { changes, days },
        );
        if (!report.ok)
          throw new Refusal(
            2,
            `The policies in ${flags.candidate} do not load:\n${report.faults.map(faultLine).join('\n')}`,
          );
        print(flags.json, report, replayLines(report, days));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        tools.complain(`${error.message}\n`);
        tools.exit(error.code);
      }
    });

  withFolder('history', 'list the versions that were in force').action(
    guarded((flags: Folder) => {
      const versions = tools
        .shelf(flags.policies)
        .versions()
        .map(({ files: _files, ...version }) => version);
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

const replayLines = (report: ReplayReport & { readonly complete: boolean }, days: number): readonly string[] => {
  const part = (title: string, groups: readonly ReplayGroup[]): readonly string[] =>
    groups.length === 0
      ? []
      : [
          title,
          ...groups.flatMap(({ role, purpose, client, type, calls, resources, because }) => [
            `  ${role} (${purpose}) by ${client}: ${calls} calls on ${type}, ${resources} resources`,
            ...because.map((reason) => `    ${reason}`),
          ]),
        ];
  const lines = [
    ...part('Newly refused:', report.denied),
    ...part('Newly allowed, as far as policies go:', report.allowed),
    ...part('Newly shown:', report.exposed),
    ...part('Newly hidden:', report.hidden),
  ];
  return [
    ...lines,
    ...(lines.length === 0 ? ['Nobody would have met anything else.'] : []),
    `${report.calls} decisions of ${days} days${report.complete ? '' : ' (the newest; there were more)'}, ${report.unjudged} of them not to be judged again.`,
  ];
};

const patientsIn = (text: string, path: string): readonly Readonly<Record<string, unknown>>[] => {
  try {
    const found = text.trimStart().startsWith('{') && /\}\s*\n\s*\{/.test(text) ? text.split('\n') : [text];
    const patients = found
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as { resourceType?: string; entry?: readonly { resource?: object }[] })
      .flatMap((each) => (each.resourceType === 'Bundle' ? (each.entry ?? []).map(({ resource }) => resource) : [each]))
      .filter((each) => (each as { resourceType?: string } | undefined)?.resourceType === 'Patient');
    if (patients.length > 0) return patients as readonly Readonly<Record<string, unknown>>[];
  } catch {
    // Told below.
  }
  throw new Refusal(2, `${path} holds no Patient resources in JSON.`);
};

const json = <Value>(bytes: Uint8Array, path: string): Value => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Value;
  } catch {
    throw new Refusal(2, `${path} is not JSON.`);
  }
};

const keyBytes = (given: Uint8Array): Uint8Array => {
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
