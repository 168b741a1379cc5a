import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { temporaryFolder } from '../adapters/store/ledger-fixture.ts';

it('builds the verifier that npm test runs, byte for byte, with the Go that its read-me names', () => {
  const source = join(import.meta.dirname, '../conformance/ledger-go');
  const readMe = readFileSync(join(source, 'README.md'), 'utf8');
  const out = temporaryFolder();
  try {
    const command =
      /^GOOS=.*$/m.exec(readMe)?.[0].replace('-o ledger-check.wasm', `-o ${join(out, 'made.wasm')}`) ?? '';
    const built = spawnSync('sh', ['-c', command], { cwd: source, encoding: 'utf8' });
    expect([built.status, built.stderr]).toEqual([0, '']);
    const made = createHash('sha256')
      .update(readFileSync(join(out, 'made.wasm')))
      .digest('hex');
    expect(readMe).toContain(`\`${made}\``);
  } finally {
    rmSync(out, { recursive: true });
  }
}, 600_000);
