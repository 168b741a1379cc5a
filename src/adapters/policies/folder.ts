import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import type { PolicyFile } from '../../domain/policy/source.ts';

/** A change that is being put in place, whole: from the moment it has this name it is what the folder says. */
const PENDING = '.pending.json';

const pending = (folder: string): PolicyFile[] | undefined => {
  try {
    return JSON.parse(readFileSync(join(folder, PENDING), 'utf8')) as PolicyFile[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

const listed = (folder: string): PolicyFile[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((name) => !name.split(sep).some((part) => part.startsWith('.')))
    .map((name) => ({ name: name.split(sep).join('/'), text: readFileSync(join(folder, name), 'utf8') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** Every YAML file below the folder, by its path in it; folders that begin with a dot are not looked into. */
export const readPolicyFolder = (folder: string): PolicyFile[] => {
  // A change begins and ends with an entry of the folder, which its time tells: what was read across one is read again.
  const touched = (): bigint => statSync(folder, { bigint: true }).mtimeNs;
  for (let tries = 0; tries < 10; tries += 1) {
    const before = touched();
    const files = pending(folder) ?? listed(folder);
    if (touched() === before) return files;
  }
  throw new Error('The policy folder does not come to rest.');
};

/**
 * Makes the folder hold exactly these files, or, cut off before its middle, leaves it as it was: a reader sees the old set
 * or the new one and never a mixture, which could be wider than both.
 */
export const writePolicyFolder = (folder: string, files: readonly PolicyFile[]): void => {
  for (const { name } of files) {
    if (name.split('/').some((part) => part === '..' || part.startsWith('.')))
      throw new RangeError('a policy file must lie in its folder');
  }
  const ordered = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const path = join(folder, PENDING);
  writeFileSync(`${path}.new`, JSON.stringify(ordered), { flush: true });
  renameSync(`${path}.new`, path);
  finishPolicyFolder(folder);
};

/** Completes a change that was cut off after its middle. */
export const finishPolicyFolder = (folder: string): void => {
  const files = pending(folder);
  if (files === undefined) return;
  const before = new Map(listed(folder).map((file) => [file.name, file.text]));
  for (const { name, text } of files) {
    if (before.get(name) !== text) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.new`, text, { flush: true });
      renameSync(`${path}.new`, path);
    }
    before.delete(name);
  }
  for (const name of before.keys()) rmSync(join(folder, name));
  rmSync(join(folder, PENDING));
};
