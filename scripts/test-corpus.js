/** Runs the suites that read real data: `npm run test:corpus -- DIR`. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined || !existsSync(folder)) {
  console.error('Give the folder of the test data: npm run test:corpus -- DIR');
  process.exit(2);
}
const { status } = spawnSync(
  process.execPath,
  ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--config', 'jest.corpus.config.js', ...rest],
  { stdio: 'inherit', env: { ...process.env, CONSENTRY_CORPUS: resolve(folder) } },
);
process.exit(status ?? 1);
