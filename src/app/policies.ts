import { finishPolicyFolder, readPolicyFolder } from '../adapters/policies/folder.ts';
import { watchPolicyFolder } from '../adapters/policies/watch.ts';
import { faultLine } from '../domain/policy/fault.ts';
import { compileSnapshot, type PolicySnapshot } from '../domain/policy/snapshot.ts';
import type { PolicyFile } from '../domain/policy/source.ts';
import type { Policies, Telemetry } from '../ports.ts';

export interface OpenPolicies extends Policies {
  detail(): string;
  /** The files of the set in force. */
  files(): readonly PolicyFile[];
  /** What keeps the newest files from being in force; empty when they are. */
  faults(): readonly string[];
  /** Reads the folder again; a set with a fault leaves the last good one in force. */
  reload(): readonly string[];
  /** Called after another set has come in force. */
  onChange(listener: (from: PolicySnapshot, to: PolicySnapshot) => void): void;
  close(): void;
}

/** Throws with every fault in a line when the first set does not load: a gateway without policy does not start. */
export function openPolicies(folder: string, upstream: string, telemetry: Telemetry): OpenPolicies {
  let current: { readonly snapshot: PolicySnapshot; readonly files: readonly PolicyFile[] } | undefined;
  let faults: readonly string[] = [];
  const listeners: ((from: PolicySnapshot, to: PolicySnapshot) => void)[] = [];

  const reload = (): readonly string[] => {
    try {
      const files = readPolicyFolder(folder);
      const load = compileSnapshot(files, upstream);
      faults = load.ok ? [] : load.faults.map(faultLine);
      if (load.ok) {
        const before = current?.snapshot;
        if (before?.hash !== load.snapshot.hash) current = { snapshot: load.snapshot, files };
        if (before !== undefined && before.hash !== load.snapshot.hash)
          for (const listener of listeners) listener(before, load.snapshot);
      } else telemetry.failed('policy-reload', 'PolicyFault');
    } catch (error) {
      telemetry.failed('policy-reload', error instanceof Error ? error.name : typeof error);
      faults = ['The policy folder cannot be read.'];
    }
    return faults;
  };

  finishPolicyFolder(folder);
  if (reload().length > 0)
    throw new Error(`The policies in ${folder} do not load:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  // Editors write in several steps; the last event of a burst loads the set.
  let settle: NodeJS.Timeout | undefined;
  const watcher = watchPolicyFolder(folder, () => {
    clearTimeout(settle);
    settle = setTimeout(reload, 100);
  });
  return {
    current: () => current?.snapshot,
    files: () => current?.files ?? [],
    faults: () => faults,
    detail: () =>
      faults.length === 0
        ? 'The newest set is in force.'
        : `The newest set has ${faults.length} faults; the last good one is in force.`,
    reload,
    onChange: (listener) => {
      listeners.push(listener);
    },
    close() {
      clearTimeout(settle);
      watcher.close();
    },
  };
}
