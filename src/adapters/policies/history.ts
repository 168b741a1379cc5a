import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyVersion } from '../../domain/policy/in-force.ts';

const FOLDER = '.history';

/** The versions of a policy folder, oldest first. They lie beside the policies, out of the loader's sight. */
export const readHistory = (folder: string): readonly PolicyVersion[] => {
  let names: string[];
  try {
    names = readdirSync(join(folder, FOLDER));
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d{6}\.json$/.test(name))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, FOLDER, name), 'utf8')) as PolicyVersion);
};

/** Adds a version; `wx` so that two who apply at once do not lose one. */
export const addVersion = (folder: string, version: Omit<PolicyVersion, 'number'>): PolicyVersion => {
  const number = (readHistory(folder).at(-1)?.number ?? 0) + 1;
  mkdirSync(join(folder, FOLDER), { recursive: true });
  const complete = { number, ...version };
  writeFileSync(join(folder, FOLDER, `${String(number).padStart(6, '0')}.json`), JSON.stringify(complete), {
    flag: 'wx',
    flush: true,
  });
  return complete;
};
