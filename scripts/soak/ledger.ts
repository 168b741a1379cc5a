/**
 * Kills a writing ledger with SIGKILL, again and again, and holds what is left to what was promised: every acknowledged
 * entry is in its log at its index with its leaf, no index was given twice, every checkpoint anybody saw is a prefix, and
 * each log follows the one before it. Every fifth life ends while a half-year does, and the next one while it starts.
 * Usage: npm run soak -- ledger [CYCLES] [--inject]
 * With --inject strace lets system calls of the writer fail: a refusal and a start that fails are as they should be then.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { nodeFileSystem } from '../../src/adapters/store/file-system.ts';
import { auditFolder } from '../../src/adapters/store/folder-audit.ts';
import { nodeHashing } from '../../src/adapters/store/node-hash.ts';
import { leafHashOf, listSpans, readSpan } from '../../src/adapters/store/recovery.ts';
import { logFolders } from '../../src/adapters/store/rotating-files.ts';
import { toBase64Url } from '../../src/domain/ledger/base64.ts';
import { parseCheckpoint } from '../../src/domain/ledger/checkpoint.ts';
import { originOf } from '../../src/domain/ledger/half-year.ts';
import { Frontier } from '../../src/domain/ledger/merkle.ts';
import { HALF_YEAR_MS, ORIGIN } from './ledger-soak.ts';

/** Lives of one row of logs before it is judged and another is begun. */
const LIVES = 25;
const BEGINNING = Date.parse('2026-10-01T00:00:00Z');

const injecting = process.argv.includes('--inject');
/** One call, or each from there on, of those that make something durable. */
const injection = (): readonly string[] => {
  if (!injecting || Math.random() < 0.2) return [];
  const pick = <One>(list: readonly One[]): One => list[Math.floor(Math.random() * list.length)] as One;
  const calls = pick([
    'fdatasync',
    'fsync',
    'pwrite64',
    'rename',
    'openat',
    'ftruncate',
    'unlink',
    'write,pwrite64,writev',
  ]);
  const from = 1 + Math.floor(Math.random() ** 2 * (calls === 'openat' ? 4000 : 1500));
  const fault = `${calls}:error=${pick(['EIO', 'ENOSPC'])}:when=${from}${pick(['', '', '+', '+7'])}`;
  return ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${fault}`, process.execPath];
};

/** Keys are `ORIGIN NUMBER`. */
interface Promised {
  readonly leaves: Map<string, string>;
  readonly roots: Map<string, string>;
  readonly faults: string[];
}
interface Life {
  readonly killed: boolean;
  readonly refused: number;
  /** Whether the half-year ended in it, and whether it saw the first entry of the next one acknowledged. */
  readonly turned: 'no' | 'begun' | 'done';
}

const note = (promised: Promised, line: string): void => {
  const [what, first = '', second = '', third = ''] = line.split(' ');
  if (what === 'entry') {
    const place = `${first} ${second}`;
    const before = promised.leaves.get(place);
    if (before !== undefined && before !== third) promised.faults.push(`index ${place} was given twice`);
    promised.leaves.set(place, third);
  } else if (what === 'checkpoint') {
    const checkpoint = parseCheckpoint(Buffer.from(first, 'base64').toString('utf8'));
    if (checkpoint === undefined) return;
    const place = `${checkpoint.origin} ${checkpoint.size}`;
    const root = toBase64Url(checkpoint.root);
    const before = promised.roots.get(place);
    if (before !== undefined && before !== root) promised.faults.push(`two roots of ${place}`);
    promised.roots.set(place, root);
  }
};

/** One life of the writer, ended at a random moment: while it starts, while the log turns, or up to a third of a second after the start. */
const liveAndDie = (
  folder: string,
  cycle: number,
  from: number,
  end: 'early' | 'turning' | 'late',
  promised: Promised,
): Promise<Life> =>
  new Promise((resolve) => {
    const turnMs = end === 'turning' ? [String(Math.random() * 100)] : [];
    const writer = [join(import.meta.dirname, 'ledger-writer.ts'), folder, String(cycle), String(from), ...turnMs];
    const fault = injection();
    // A group of its own: strace and the writer die together.
    const child = spawn(fault.length > 0 ? 'strace' : process.execPath, [...fault, ...writer], {
      stdio: ['ignore', 'pipe', injecting ? 'ignore' : 'inherit'],
      detached: true,
    });
    const kill = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    let rest = '';
    let refused = 0;
    let turned: Life['turned'] = 'no';
    let origin = '';
    const slower = fault.length > 0 ? 6 : 1;
    let timer = setTimeout(kill, end === 'early' ? (60 + Math.random() * 250) * slower : 60_000);
    const dieWithin = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(kill, Math.random() * ms * slower);
    };
    child.stdout.on('data', (data) => {
      const lines = (rest + String(data)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === 'open' && end === 'late') dieWithin(300);
        if (line === 'turning') {
          turned = 'begun';
          dieWithin(200);
        }
        if (line === 'refused') refused++;
        if (line.startsWith('entry ')) {
          const log = line.split(' ', 2)[1] ?? '';
          if (turned === 'begun' && log !== origin && origin !== '') turned = 'done';
          origin = log;
        }
        note(promised, line);
      }
    });
    child.on('close', (_code, signal) => {
      clearTimeout(timer);
      resolve({ killed: signal === 'SIGKILL', refused, turned });
    });
  });

const check = async (folder: string, promised: Promised): Promise<number> => {
  const sizes = new Map<string, number>();
  for (const log of await logFolders(nodeFileSystem, folder)) {
    const origin = originOf(ORIGIN, log === folder ? undefined : basename(log));
    const segments = join(log, 'segments');
    const frontier = new Frontier(nodeHashing);
    const compare = (): void => {
      const want = promised.roots.get(`${origin} ${frontier.size}`);
      if (want !== undefined && want !== toBase64Url(frontier.root()))
        promised.faults.push(`checkpoint ${origin} ${frontier.size} is not a prefix`);
    };
    compare();
    for (const span of await listSpans(nodeFileSystem, segments)) {
      for (const { index, leaf } of await readSpan(nodeFileSystem, segments, span)) {
        if (index !== frontier.size)
          promised.faults.push(`entry ${origin} ${index} does not follow entry ${frontier.size - 1}`);
        const hash = leafHashOf(leaf);
        const want = promised.leaves.get(`${origin} ${index}`);
        if (want !== undefined && want !== toBase64Url(hash))
          promised.faults.push(`entry ${origin} ${index} is not the acknowledged one`);
        frontier.append(hash);
        compare();
      }
    }
    sizes.set(origin, frontier.size);
  }
  const lost = (place: string, least: number): boolean => {
    const [origin = '', number = ''] = place.split(' ');
    return Number(number) + least > (sizes.get(origin) ?? -1);
  };
  for (const place of promised.leaves.keys())
    if (lost(place, 1)) promised.faults.push(`acknowledged entry ${place} is lost`);
  for (const place of promised.roots.keys())
    if (lost(place, 0)) promised.faults.push(`published size ${place} is lost`);
  const audit = await auditFolder({ folder });
  if (!audit.ok && promised.roots.size > 0)
    promised.faults.push(`verify: ${audit.finding.file}: ${audit.finding.text}`);
  return sizes.size;
};

if (injecting && spawnSync('strace', ['-V']).status !== 0) {
  console.error('strace is not on the path.');
  process.exit(2);
}
const cycles = Number(process.argv[2] ?? 1000);
const totals = {
  cycles: 0,
  ended: 0,
  refused: 0,
  logs: 0,
  killedWhileTurning: 0,
  killedAfterTurning: 0,
  acknowledged: 0,
  checkpoints: 0,
};
const faults: string[] = [];
for (let cycle = 0; cycle < cycles && faults.length === 0; ) {
  const folder = mkdtempSync(join(tmpdir(), 'consentry-soak-'));
  const promised: Promised = { leaves: new Map(), roots: new Map(), faults };
  let at = BEGINNING;
  for (let life = 0; life < LIVES && cycle < cycles && faults.length === 0; life++, cycle++) {
    const end = life % 5 === 4 ? 'turning' : life % 5 === 0 ? 'early' : 'late';
    const { killed, refused, turned } = await liveAndDie(folder, cycle, at, end, promised);
    if (!injecting && !killed) faults.push(`the writer of cycle ${cycle} ended by itself`);
    if (!injecting && refused > 0) faults.push(`an append of cycle ${cycle} was refused`);
    if (!killed) totals.ended++;
    totals.refused += refused;
    totals.cycles++;
    if (turned !== 'no') at += HALF_YEAR_MS;
    if (turned === 'begun') totals.killedWhileTurning++;
    if (turned === 'done') totals.killedAfterTurning++;
  }
  totals.logs += await check(folder, promised);
  totals.acknowledged += promised.leaves.size;
  totals.checkpoints += promised.roots.size;
  console.log(
    `${cycle} cycles: ${totals.logs} logs, ${totals.acknowledged} acknowledged, ${totals.checkpoints} checkpoints`,
  );
  if (faults.length === 0) rmSync(folder, { recursive: true });
  else console.error(`The ledger is kept in ${folder}.`);
}
for (const fault of faults.slice(0, 20)) console.error(`FAULT ${fault}`);
console.log(JSON.stringify({ ...totals, faults: faults.length }));
process.exit(faults.length === 0 ? 0 : 1);
