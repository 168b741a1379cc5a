import type { Command } from 'commander';
import { maskingFiles, otherPolicies } from '../../domain/policy/draft.ts';
import { faultLine } from '../../domain/policy/fault.ts';
import type { PolicyShelf } from '../../domain/policy/in-force.ts';
import type { PolicyFile } from '../../domain/policy/source.ts';
import { doPolicyTask, type NotLoaded, type PolicyTask, type TaskResult } from '../../domain/policy/task.ts';

/** What the commands need from outside. */
export interface PolicyTools {
  shelf(folder: string): PolicyShelf;
  readFile(path: string): Uint8Array;
  /** The gateway that runs on the data folder, and the operator's token. */
  access(data: string): { readonly url: string; readonly token: string };
  /** The masking keys kept in a data folder, the one in use first. */
  maskingKeys(data: string): {
    all(): readonly Uint8Array[];
    rotate(): Uint8Array;
    /** False: it is there already. */
    add(key: Uint8Array): boolean;
    retire(at: number): void;
  };
  sign(privateKey: string, text: string): string;
  verify(publicKey: string, text: string, signature: string): boolean;
  now(): Date;
  write(bytes: Uint8Array | string): void;
  complain(text: string): void;
  /** 1: a negative answer; 2: wrong usage or input. */
  exit(code: 1 | 2): void;
}

/** Ends a command with a sentence; caught by `guarded`. */
export class Refusal extends Error {
  readonly code: 1 | 2;
  constructor(code: 1 | 2, text: string) {
    super(text);
    this.code = code;
  }
}

export interface Folder {
  readonly policies: string;
  readonly json?: boolean;
}

export const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

/** What the commands share: folders read, refusals told, answers printed. */
export const policyDesk = (tools: PolicyTools, command: Command) => {
  const filesOf = (folder: string, part = maskingFiles): readonly PolicyFile[] => {
    try {
      return part(tools.shelf(folder).read());
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
    return answered(flags.candidate, { kind: 'diff', before, files, others: filesOf(flags.policies, otherPolicies) });
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

  const withFolder = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .option('--policies <dir>', 'folder of policies', 'policies')
      .option('--json', 'print one JSON object');

  return { tools, command, filesOf, answered, compared, read, guarded, print, asked, withFolder };
};
export type PolicyDesk = ReturnType<typeof policyDesk>;
