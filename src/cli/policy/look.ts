import { patientsIn } from '../../domain/masking/reidentification.ts';
import { reidentificationPage } from '../../domain/masking/reidentification-page.ts';
import { otherPolicies } from '../../domain/policy/draft.ts';
import { faultLine } from '../../domain/policy/fault.ts';
import { doPolicyTask } from '../../domain/policy/task.ts';
import { collect, type Folder, type PolicyDesk, Refusal } from './desk.ts';

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

/** Commands that look and change nothing, a case kept by a preview aside. */
export const addLooks = ({ tools, filesOf, answered, read, guarded, print, withFolder }: PolicyDesk): void => {
  withFolder('check', 'say whether the policies load, with line, column and the nearest valid name').action(
    guarded((flags: Folder) => {
      const result = doPolicyTask({
        kind: 'check',
        files: filesOf(flags.policies),
        others: filesOf(flags.policies, otherPolicies),
      });
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
        const resource = withoutMark(read(flags.resource, 'resource'));
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
        const patients = patientsIn(new TextDecoder().decode(read(flags.resources, 'resources')));
        if (patients === undefined) throw new Refusal(2, `${flags.resources} holds no Patient resources in JSON.`);
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

/** Some editors begin a file with a byte order mark; RFC 8259 section 8.1 lets who reads JSON pass over it. */
const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
