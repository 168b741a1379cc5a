/**
 * Builds the console and the patient pages into dist/web, and holds their size to bounds.
 * `--if-stale`: only when a source changed since the last build; what `npm start` and the browser tests run first.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** KiB after gzip: what the first page loads, any part that is loaded later, and all style sheets together. */
const bounds = { first: 160, later: 250, styles: 45 };

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const target = 'dist/web';
const stampFile = join(target, 'stamp');
const stamp = sourcesStamp();

if (!process.argv.includes('--if-stale')) await locked(build);
else if (!isFresh()) await locked(async () => (isFresh() ? undefined : build()));

function isFresh(): boolean {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
}

function sourcesStamp(): string {
  const digest = createHash('sha256');
  const files = ['web', 'src/domain'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  for (const file of [...files, 'package.json', 'scripts/build-web.ts'].sort())
    digest.update(`${file}\n`).update(readFileSync(file));
  return digest.digest('hex');
}

/** Test workers start at the same time: one builds, the others wait for it. */
async function locked(work: () => Promise<void>): Promise<void> {
  mkdirSync('dist', { recursive: true });
  const lock = 'dist/web.lock';
  for (const patience = Date.now() + 60_000; ; await sleep(100)) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      // A builder that was killed left its lock behind.
      if (Date.now() > patience) rmSync(lock, { recursive: true, force: true });
    }
  }
  try {
    await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

async function build(): Promise<void> {
  const vite = await import('vite').catch(() => undefined);
  if (vite === undefined) {
    console.error(
      'The console is not built: its build tools are development packages. Run "npm ci" without --omit=dev.',
    );
    return;
  }
  console.error('Building the console ...');
  // A test runner sets its own, and with it the library would be built for development.
  process.env.NODE_ENV = 'production';
  const folder = 'dist/web.new';
  rmSync(folder, { recursive: true, force: true });
  await vite.build({
    configFile: 'web/vite.config.ts',
    logLevel: 'warn',
    build: { outDir: join(process.cwd(), folder), emptyOutDir: true, manifest: 'manifest.json' },
  });
  const tooLarge = weigh(folder);
  if (tooLarge.length > 0) throw new Error(`The console outgrew its bounds:\n  ${tooLarge.join('\n  ')}`);
  writeFileSync(join(folder, 'stamp'), stamp);
  rmSync(target, { recursive: true, force: true });
  renameSync(folder, target);
}

interface Chunk {
  readonly file: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
  readonly css?: readonly string[];
}

function weigh(folder: string): readonly string[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Readonly<Record<string, Chunk>>;
  const kib = (file: string): number => gzipSync(readFileSync(join(folder, file))).length / 1024;
  const first = new Set<string>();
  const follow = (name: string): void => {
    if (first.has(name)) return;
    first.add(name);
    for (const each of manifest[name]?.imports ?? []) follow(each);
  };
  for (const [name, { isEntry }] of Object.entries(manifest))
    if (isEntry === true || name.endsWith('/main.tsx')) follow(name);
  const scripts = Object.entries(manifest).filter(([, { file }]) => file.endsWith('.js'));
  const styles = new Set(Object.values(manifest).flatMap(({ css }) => css ?? []));
  const rows: (readonly [name: string, size: number, most: number])[] = [
    ['first page', sum(scripts.filter(([name]) => first.has(name)).map(([, { file }]) => kib(file))), bounds.first],
    ...scripts
      .filter(([name]) => !first.has(name))
      .map(([name, { file }]) => [name.replace(/^.*\//, ''), kib(file), bounds.later] as const),
    ['styles', sum([...styles].map(kib)), bounds.styles],
  ];
  for (const [name, size, most] of rows)
    console.error(`  ${name.padEnd(28)} ${size.toFixed(1).padStart(7)} KiB gzip (at most ${most})`);
  return rows
    .filter(([, size, most]) => size > most)
    .map(([name, size, most]) => `${name}: ${size.toFixed(1)} > ${most} KiB`);
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
