/**
 * Kills a writing ledger with SIGKILL, again and again, and holds what is left to what was promised: every acknowledged
 * entry is in the log at its index with its leaf, no index was given twice, and every checkpoint anybody saw is a prefix.
 * Usage: npm run soak -- ledger [CYCLES]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFileSystem } from '../../src/adapters/store/file-system.ts';
import { auditFolder } from '../../src/adapters/store/folder-audit.ts';
import { nodeHashing } from '../../src/adapters/store/node-hash.ts';
import { leafHashOf, listSpans, readSpan } from '../../src/adapters/store/recovery.ts';
import { toBase64Url } from '../../src/domain/ledger/base64.ts';
import { parseCheckpoint } from '../../src/domain/ledger/checkpoint.ts';
import { Frontier } from '../../src/domain/ledger/merkle.ts';

const CHECK_EVERY = 50;

interface Promised {
  readonly leaves: Map<number, string>;
  readonly roots: Map<number, string>;
  readonly faults: string[];
}

const note = (promised: Promised, line: string): void => {
  const [what, first = '', second = ''] = line.split(' ');
  if (what === 'entry') {
    const index = Number(first);
    const before = promised.leaves.get(index);
    if (before !== undefined && before !== second) promised.faults.push(`index ${index} was given twice`);
    promised.leaves.set(index, second);
  } else if (what === 'checkpoint') {
    const checkpoint = parseCheckpoint(Buffer.from(first, 'base64').toString('utf8'));
    if (checkpoint === undefined) return;
    const root = toBase64Url(checkpoint.root);
    const before = promised.roots.get(checkpoint.size);
    if (before !== undefined && before !== root) promised.faults.push(`two roots of size ${checkpoint.size}`);
    promised.roots.set(checkpoint.size, root);
  }
};

/** One life of the writer, ended at a random moment: while it starts, or up to a third of a second after. */
const liveAndDie = (folder: string, cycle: number, promised: Promised): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'ledger-writer.ts'), folder, String(cycle)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const early = cycle % 5 === 0;
    let rest = '';
    let timer = setTimeout(() => child.kill('SIGKILL'), early ? 60 + Math.random() * 250 : 60_000);
    child.stdout.on('data', (data) => {
      const lines = (rest + String(data)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === 'open' && !early) {
          clearTimeout(timer);
          timer = setTimeout(() => child.kill('SIGKILL'), Math.random() * 300);
        }
        note(promised, line);
      }
    });
    child.on('close', (_code, signal) => {
      clearTimeout(timer);
      resolve(signal === 'SIGKILL');
    });
  });

const check = async (folder: string, promised: Promised): Promise<number> => {
  const segments = join(folder, 'segments');
  const frontier = new Frontier(nodeHashing);
  const compare = (): void => {
    const want = promised.roots.get(frontier.size);
    if (want !== undefined && want !== toBase64Url(frontier.root()))
      promised.faults.push(`checkpoint ${frontier.size} is not a prefix`);
  };
  compare();
  for (const span of await listSpans(nodeFileSystem, segments)) {
    for (const { index, leaf } of await readSpan(nodeFileSystem, segments, span)) {
      if (index !== frontier.size) promised.faults.push(`entry ${index} does not follow entry ${frontier.size - 1}`);
      const hash = leafHashOf(leaf);
      const want = promised.leaves.get(index);
      if (want !== undefined && want !== toBase64Url(hash))
        promised.faults.push(`entry ${index} is not the acknowledged one`);
      frontier.append(hash);
      compare();
    }
  }
  for (const index of promised.leaves.keys())
    if (index >= frontier.size) promised.faults.push(`acknowledged entry ${index} is lost`);
  for (const size of promised.roots.keys())
    if (size > frontier.size) promised.faults.push(`published size ${size} is lost`);
  const audit = await auditFolder({ folder });
  if (!audit.ok && promised.roots.size > 0)
    promised.faults.push(`verify: ${audit.finding.file}: ${audit.finding.text}`);
  return frontier.size;
};

const cycles = Number(process.argv[2] ?? 1000);
const folder = mkdtempSync(join(tmpdir(), 'consentry-soak-'));
const promised: Promised = { leaves: new Map(), roots: new Map(), faults: [] };
let killed = 0;
for (let cycle = 0; cycle < cycles && promised.faults.length === 0; cycle++) {
  if (await liveAndDie(folder, cycle, promised)) killed++;
  else promised.faults.push(`the writer of cycle ${cycle} ended by itself`);
  if (cycle % CHECK_EVERY === CHECK_EVERY - 1 || cycle === cycles - 1) {
    const size = await check(folder, promised);
    console.log(
      `${cycle + 1} cycles: ${size} entries, ${promised.leaves.size} acknowledged, ${promised.roots.size} checkpoints`,
    );
  }
}
for (const fault of promised.faults.slice(0, 20)) console.error(`FAULT ${fault}`);
console.log(
  JSON.stringify({
    cycles: killed,
    acknowledged: promised.leaves.size,
    checkpoints: promised.roots.size,
    faults: promised.faults.length,
  }),
);
if (promised.faults.length === 0) rmSync(folder, { recursive: true });
process.exit(promised.faults.length === 0 ? 0 : 1);
