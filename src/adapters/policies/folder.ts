import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import type { PolicyFile } from '../../domain/policy/source.ts';

/** Every YAML file below the folder, by its path in it; folders that begin with a dot are not looked into. */
export const readPolicyFolder = (folder: string): PolicyFile[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((name) => !name.split(sep).some((part) => part.startsWith('.')))
    .map((name) => ({ name: name.split(sep).join('/'), text: readFileSync(join(folder, name), 'utf8') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/**
 * Makes the folder hold exactly these files. Each is renamed into place whole; a reader that comes between two renames
 * sees a set that compiles or keeps its last good one.
 */
export const writePolicyFolder = (folder: string, files: readonly PolicyFile[]): void => {
  const before = new Map(readPolicyFolder(folder).map((file) => [file.name, file.text]));
  for (const { name, text } of files) {
    if (name.split('/').some((part) => part === '..' || part.startsWith('.'))) {
      throw new RangeError('a policy file must lie in its folder');
    }
    if (before.get(name) !== text) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    }
    before.delete(name);
  }
  for (const name of before.keys()) rmSync(join(folder, name));
};
