import type { PolicyShelf } from '../../domain/policy/in-force.ts';
import { readPolicyFolder, writePolicyFolder } from './folder.ts';
import { addVersion, readHistory } from './history.ts';

export const policyShelf = (folder: string): PolicyShelf => ({
  read: () => readPolicyFolder(folder),
  write: (files) => writePolicyFolder(folder, files),
  versions: () => readHistory(folder),
  add: (version) => addVersion(folder, version),
});
