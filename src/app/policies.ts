import { watch } from 'node:fs';
import { readPolicyFolder } from '../adapters/policies/folder.ts';
import { faultLine } from '../domain/policy/fault.ts';
import { compileSnapshot, type PolicySnapshot } from '../domain/policy/snapshot.ts';
import type { Policies, Telemetry } from '../ports.ts';

export interface OpenPolicies extends Policies {
  detail(): string;
  /** Reads the folder again; a set with a fault leaves the last good one in force. */
  reload(): readonly string[];
  close(): void;
}

/** Throws with every fault in a line when the first set does not load: a gateway without policy does not start. */
export function openPolicies(folder: string, upstream: string, telemetry: Telemetry): OpenPolicies {
  let current: PolicySnapshot | undefined;
  let faults: readonly string[] = [];

  const reload = (): readonly string[] => {
    try {
      const load = compileSnapshot(readPolicyFolder(folder), upstream);
      faults = load.ok ? [] : load.faults.map(faultLine);
      if (load.ok) current = load.snapshot;
      else telemetry.failed('policy-reload', 'PolicyFault');
    } catch (error) {
      telemetry.failed('policy-reload', error instanceof Error ? error.name : typeof error);
      faults = ['The policy folder cannot be read.'];
    }
    return faults;
  };

  if (reload().length > 0)
    throw new Error(`The policies in ${folder} do not load:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  // Editors write in several steps; the last event of a burst loads the set.
  let settle: NodeJS.Timeout | undefined;
  const watcher = watch(folder, { recursive: true, persistent: false }, () => {
    clearTimeout(settle);
    settle = setTimeout(reload, 100);
  });
  return {
    current: () => current,
    detail: () =>
      faults.length === 0
        ? 'The newest set is in force.'
        : `The newest set has ${faults.length} faults; the last good one is in force.`,
    reload,
    close() {
      clearTimeout(settle);
      watcher.close();
    },
  };
}
