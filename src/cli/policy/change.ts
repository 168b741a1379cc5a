import { type Approval, approvalText, judgeApprovals } from '../../domain/policy/approval.ts';
import { changesBetween, otherPolicies } from '../../domain/policy/draft.ts';
import { faultLine } from '../../domain/policy/fault.ts';
import { putInForce, rollBack, wayBack } from '../../domain/policy/in-force.ts';
import { hashOfFiles } from '../../domain/policy/policy-set.ts';
import type { ReplayGroup, ReplayReport } from '../../domain/policy/replay.ts';
import type { PolicyFile } from '../../domain/policy/source.ts';
import type { NotLoaded } from '../../domain/policy/task.ts';
import { collect, type Folder, type PolicyDesk, Refusal } from './desk.ts';

/** Commands from a draft to its being in force, and back. */
export const addChanges = ({
  tools,
  filesOf,
  answered,
  compared,
  read,
  guarded,
  print,
  asked,
  withFolder,
}: PolicyDesk): void => {
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

  withFolder('approve', 'sign a change of the policies')
    .requiredOption('--candidate <dir>', 'folder with the new policies')
    .requiredOption('--as <name>', 'name of the approver, as in the approvers file')
    .requiredOption('--key <file>', 'Ed25519 private key of the approver (PEM)')
    .requiredOption('--reason <text>', 'why the change is made')
    .action(
      guarded((flags: Folder & { candidate: string; as: string; key: string; reason: string }) => {
        const body = {
          from: hashOfFiles(filesOf(flags.policies)),
          to: answered(flags.candidate, {
            kind: 'check',
            files: filesOf(flags.candidate),
            others: filesOf(flags.policies, otherPolicies),
          }).hash,
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

const json = <Value>(bytes: Uint8Array, path: string): Value => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Value;
  } catch {
    throw new Refusal(2, `${path} is not JSON.`);
  }
};
