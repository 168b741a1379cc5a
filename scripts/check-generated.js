/** Regenerates every generated file and fails when one changes: what is committed is what the generators make. */
import { execSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const files = execSync(
  'git ls-files "*/generated/*" fixtures models docs/errors.md docs/configuration.md "docs/*.json"',
  { encoding: 'utf8' },
)
  .trim()
  .split('\n')
  .filter(Boolean);
const digest = () =>
  new Map(files.map((file) => [file, createHash('sha256').update(readFileSync(file)).digest('hex')]));
const before = digest();
execSync('npm run --silent generate', { stdio: ['ignore', 'ignore', 'inherit'] });
const after = digest();
const changed = files.filter((file) => before.get(file) !== after.get(file));
if (changed.length > 0) {
  console.error(
    `These generated files differ from what their generators make; run "npm run generate" and commit:\n  ${changed.join('\n  ')}`,
  );
  process.exit(1);
}
console.log(`${files.length} generated files are up to date.`);
