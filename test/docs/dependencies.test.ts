import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

type Names = Readonly<Record<string, string>>;
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly dependencies: Names;
  readonly devDependencies: Names;
  readonly optionalDependencies: Names;
  readonly overrides: Names;
};
const rows = readFileSync('docs/dependencies.md', 'utf8')
  .split('\n')
  .flatMap((line) => /^\| `([^`]+)` \|/.exec(line)?.[1] ?? []);
const known = [
  manifest.dependencies,
  manifest.devDependencies,
  manifest.optionalDependencies,
  manifest.overrides,
].flatMap((names) => Object.keys(names));

describe('the page on dependencies', () => {
  it('says of every package why it is there', () => {
    expect(known.filter((name) => !rows.includes(name))).toEqual([]);
  });

  it('names no package that is gone', () => {
    expect(rows.filter((name) => !known.includes(name))).toEqual([]);
  });
});
